/**
 * Whether an address names a listed host.
 * @param patterns `host`, `*.domain` for all names below it, both with `:port` if only that one is meant, or `*`; as the
 *   configuration writes them, which is as URL writes hosts
 */
export function isListedHost({ protocol, hostname, port }: URL, patterns: readonly string[]): boolean {
  const actualPort = port || (protocol === 'https:' ? '443' : '80');
  return patterns.some(pattern => {
    const [, host = '', wantedPort] = pattern.match(/^(.*?)(?::(\d+))?$/) ?? [];
    if (wantedPort !== undefined && wantedPort !== actualPort) return false;
    return host === '*' || (host.startsWith('*.') ? hostname.endsWith(host.slice(1)) : hostname === host);
  });
}
