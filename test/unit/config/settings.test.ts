import { describe, expect, it } from '@jest/globals';
import { OPTIONS } from '../../../src/config/schema.ts';
import { settingsOf } from '../../../src/config/settings.ts';

const find = (key: string, env: Record<string, string>, file: Record<string, string> = {}) =>
  settingsOf(env, file).find(setting => setting.key === key);

describe('what is shown of the configuration', () => {
  it('has every key once, with its line of documentation', () => {
    const settings = settingsOf({}, {});
    expect(settings.map(({ key }) => key).sort()).toEqual(
      Object.values(OPTIONS)
        .map(({ env }) => env)
        .sort(),
    );
    expect(settings.filter(({ doc }) => doc === '')).toEqual([]);
  });

  it('says where a value comes from: the environment before the file, and an empty one is none', () => {
    expect(find('MAX_STREAMS', { MAX_STREAMS: '7' }, { MAX_STREAMS: '8' })).toMatchObject({
      value: '7',
      source: 'environment',
    });
    expect(find('MAX_STREAMS', { MAX_STREAMS: ' ' }, { MAX_STREAMS: '8' })).toMatchObject({
      value: '8',
      source: 'file',
    });
    expect(find('MAX_STREAMS', {})).toMatchObject({ value: '100', source: 'default' });
  });

  it('never has a secret, nor the account in an address', () => {
    const env = {
      ADMIN_PASSWORD: 'hunter2',
      SCRAPER_URLS: 'http://bob:hunter2@lists.test/a.m3u,http://lists.test/get.php?username=bob&password=hunter2',
    };
    expect(JSON.stringify(settingsOf(env, env))).not.toContain('hunter2');
    expect(find('ADMIN_PASSWORD', env)).toMatchObject({ value: null, source: 'environment', secret: true });
    expect(find('SCRAPER_URLS', env)?.value).toBe('http://***@lists.test/a.m3u,http://lists.test/get.php?***');
  });
});
