import { describe, expect, it } from '@jest/globals';
import { flagOf, formatsOf, integerOf, momentOf, textOf } from '../../../src/legacy/values.ts';

const AT = Date.UTC(2027, 0, 31, 12, 30, 15) / 1000;

describe('a moment', () => {
  it.each([
    ['unix seconds', AT, AT],
    ['unix seconds as text', String(AT), AT],
    ['unix seconds with a fraction', AT + 0.75, AT],
    ['unix milliseconds', AT * 1000, AT],
    ['a date with a time', '2027-01-31 12:30:15', AT],
    ['one with microseconds', '2027-01-31 12:30:15.123456', AT],
    ['one in ISO form', '2027-01-31T12:30:15Z', AT],
    ['one with a zone', '2027-01-31T14:30:15+02:00', AT],
    ['one with minutes only', '2027-01-31 12:30', AT - 15],
    ['a day, which ends it', '2027-01-31', Date.UTC(2027, 1, 1) / 1000 - 1],
    ['nothing', null, null],
    ['an empty text', ' ', null],
    ['zero', 0, null],
    ['never', 'Never', null],
    ['nonsense', 'soon', undefined],
    ['a day that does not exist', '2027-02-40', undefined],
    ['a negative number', -5, undefined],
  ])('is read from %s', (_, value, expected) => {
    expect(momentOf(value)).toBe(expected);
  });
});

describe('formats', () => {
  it.each([
    ['JSON', '["m3u8", "ts", "rtmp"]', ['ts', 'm3u8']],
    ['JSON of one word', '"hls"', ['m3u8']],
    ['words', 'TS, m3u8', ['ts', 'm3u8']],
    ['broken JSON', '["ts"', undefined],
    ['others only', '["rtmp"]', undefined],
    ['nothing', null, undefined],
    ['a number', 5, undefined],
  ])('are read from %s', (_, value, expected) => {
    expect(formatsOf(value)).toEqual(expected);
  });
});

it('flags are numbers or words, and what is not said is what is usual', () => {
  expect([1, '1', 'true', 'Yes', 0, '0', '0.0', 'False', 'off', ''].map(value => flagOf(value, true))).toEqual([
    ...Array(4).fill(true),
    ...Array(6).fill(false),
  ]);
  expect([flagOf(null, true), flagOf(undefined, false)]).toEqual([true, false]);
});

it('numbers and texts are what they look like, whatever their type', () => {
  expect([5, '5', ' 5 ', '5.5', 'five', null, ''].map(integerOf)).toEqual([5, 5, 5, ...Array(4).fill(undefined)]);
  expect([' a ', 5, Buffer.from('b'), '', null].map(textOf)).toEqual(['a', '5', 'b', undefined, undefined]);
});
