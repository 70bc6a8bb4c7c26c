import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../../src/config/load.ts';
import { isListedHost } from '../../../src/http/listed-hosts.ts';

/** Whether an address may be opened when HTTP_SOURCES is this text. */
function isListed(address: string, httpSources: string): boolean {
  const { config } = loadConfig({ HTTP_SOURCES: httpSources }, { envFile: '/nonexistent' });
  return isListedHost(new URL(address), config.httpSources);
}

describe('HTTP_SOURCES', () => {
  it.each([
    ['http://tv.example/x', ''],
    ['http://other.example/', 'tv.example'],
    ['http://tv.example.evil.test/', 'tv.example'],
    ['http://evil-tv.example/', 'tv.example'],
    ['http://tv.example@evil.test/', 'tv.example'],
    ['http://evil.test/?tv.example', 'tv.example'],
    ['http://evil.test/#@tv.example', 'tv.example'],
    ['http://sub.tv.example/', 'tv.example'],
    ['http://tv.example/', '*.tv.example'],
    ['http://eviltv.example/', '*.tv.example'],
    ['http://a.tv.example.evil.test/', '*.tv.example'],
    ['http://tv.example/', 'tv.example:8080'],
    ['http://tv.example:8081/', 'tv.example:8080'],
    ['https://tv.example/', 'tv.example:80'],
    ['http://a.tv.example/', '*.tv.example:8080'],
    ['http://127.0.0.2/', '127.0.0.1'],
    ['http://[::2]/', '[::1]'],
  ])('keeps %s out when it is %p', (address, list) => {
    expect(isListed(address, list)).toBe(false);
  });

  it.each([
    ['http://tv.example/x?y', 'tv.example'],
    ['https://tv.example:8443/', 'tv.example'],
    ['http://TV.EXAMPLE/', 'tv.example'],
    ['http://tv.example/', 'TV.Example'],
    ['http://u:p@tv.example/', 'a.example,tv.example'],
    ['http://a.tv.example/', '*.tv.example'],
    ['http://a.b.tv.example/', '*.tv.example'],
    ['http://tv.example:8080/', 'tv.example:8080'],
    ['http://tv.example/', 'tv.example:80'],
    ['https://tv.example/', 'tv.example:443'],
    ['http://a.tv.example:8080/', '*.tv.example:08080'],
    ['http://2130706433/', '127.0.0.1'],
    ['http://127.0.0.1:81/', '127.1:81'],
    ['http://[0:0::1]:8080/', '[::1]:8080'],
    ['http://[::1]/', '[0:0::1]'],
    ['http://xn--bcher-kva.example/', 'bücher.example'],
    ['http://anything.test:1/', '*'],
    ['http://[::1]/', 'tv.example *'],
  ])('lets %s in when it is %p', (address, list) => {
    expect(isListed(address, list)).toBe(true);
  });
});
