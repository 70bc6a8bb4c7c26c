import { describe, expect, it } from '@jest/globals';
import { actionOf } from '../../../src/xtream/actions.ts';
import { mayWatch } from '../../../src/xtream/ports.ts';
import { categoriesFor } from '../../../src/xtream/xtream.ts';

describe('an action', () => {
  it.each([
    ['200', 'get_vod_categories'],
    ['201', 'get_live_categories'],
    ['202', 'get_live_streams'],
    ['203', 'get_vod_streams'],
    ['204', 'get_series_info'],
    ['205', 'get_short_epg'],
    ['206', 'get_series_categories'],
    ['207', 'get_simple_data_table'],
    ['208', 'get_series'],
    ['209', 'get_vod_info'],
    ['get_simple_date_table', 'get_simple_data_table'],
    [' GET_LIVE_STREAMS ', 'get_live_streams'],
  ])('called %p is %s', (name, action) => {
    expect(actionOf(name)).toBe(action);
  });

  it.each([[undefined], [''], ['get_account_info'], ['get_profile'], ['get_server_info'], ['210'], ['toString']])(
    'called %p is a login',
    name => {
      expect(actionOf(name)).toBeUndefined();
    },
  );
});

describe('the categories of an answer', () => {
  it.each([[undefined], [''], ['0'], ['*'], ['ALL'], ['all']])('are all of the account for category_id=%p', wanted => {
    expect(categoriesFor({ categoryIds: null }, wanted)).toBeNull();
    expect(categoriesFor({ categoryIds: [1, 2] }, wanted)).toEqual(new Set([1, 2]));
  });

  it('are the one that is wanted, if the account may see it', () => {
    expect(categoriesFor({ categoryIds: null }, '7')).toEqual(new Set([7]));
    expect(categoriesFor({ categoryIds: [1, 7] }, '7')).toEqual(new Set([7]));
    expect(categoriesFor({ categoryIds: [1] }, '7')).toEqual(new Set());
    expect(mayWatch({ categoryIds: [1] }, 7)).toBe(false);
  });

  it.each([['seven'], ['1 OR 1=1'], ['-1'], ['7,1']])('are none for category_id=%p', wanted => {
    const categories = categoriesFor({ categoryIds: null }, wanted)!;
    expect([1, 7].some(id => categories.has(id))).toBe(false);
  });
});
