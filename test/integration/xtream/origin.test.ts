import { afterEach, describe, expect, it } from '@jest/globals';
import { queryOf, startXtream, type XtreamGateway } from '../../helpers/xtream.ts';

let gateway: XtreamGateway | undefined;
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
});

const FORWARDED = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'tv.example', 'X-Forwarded-Port': '8443' };

async function seen({ ask }: XtreamGateway, headers: Record<string, string>) {
  const login = await (await ask(`/player_api.php?${queryOf()}`, { headers })).json();
  const playlist = await (await ask(`/get.php?${queryOf()}`, { headers })).text();
  const { server_info } = login as { server_info: Record<string, unknown> };
  const [, address] = playlist.match(/^(https?:\/\/[^/]+)\/live\//m)!;
  return { server_info, address, guide: playlist.match(/url-tvg="(https?:\/\/[^/]+)\//)![1] };
}

describe('the gateway from outside', () => {
  it('is what a trusted proxy forwards, in logins and in playlists', async () => {
    gateway = await startXtream(undefined, { TRUSTED_PROXIES: '127.0.0.1' });
    const { server_info, address, guide } = await seen(gateway, FORWARDED);
    expect(server_info).toMatchObject({
      url: 'tv.example',
      port: '8443',
      https_port: '8443',
      server_protocol: 'https',
    });
    expect([address, guide]).toEqual(['https://tv.example:8443', 'https://tv.example:8443']);
  });

  it('is what was asked for, whatever is forwarded by anybody else', async () => {
    gateway = await startXtream();
    const { server_info, address } = await seen(gateway, { ...FORWARDED, Host: 'nas.local:8080' });
    expect(server_info).toMatchObject({ url: 'nas.local', port: '8080', https_port: '', server_protocol: 'http' });
    expect(address).toBe('http://nas.local:8080');
  });

  it('is PUBLIC_URL before everything else', async () => {
    gateway = await startXtream(undefined, { TRUSTED_PROXIES: '127.0.0.1', PUBLIC_URL: 'https://iptv.example' });
    const { server_info, address } = await seen(gateway, FORWARDED);
    expect(server_info).toMatchObject({ url: 'iptv.example', port: '443', server_protocol: 'https' });
    expect(address).toBe('https://iptv.example');
  });
});
