import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { SluiceError } from '../../../src/shared/errors.ts';
import { type RequestHandlers, ShardLink } from '../../../src/shared/shard-link.ts';
import { failureOf, until, within } from '../support/waiting.ts';

type FrontAsks = {
  double: { request: { n: number }; response: number };
  fail: { request: Record<never, never>; response: never };
};
type NoAsks = Record<never, never>;
type ShardAsks = { name: { request: { id: number }; response: string } };

const PLENTY_MS = 60_000;
const open: MessagePort[] = [];

afterEach(() => {
  for (const port of open.splice(0)) port.close();
  jest.useRealTimers();
});

function channel(): { port1: MessagePort; port2: MessagePort } {
  const { port1, port2 } = new MessageChannel();
  open.push(port1, port2);
  return { port1, port2 };
}

const HANDLERS: RequestHandlers<FrontAsks> = {
  double: ({ n }) => 2 * n,
  fail: () => {
    throw new SluiceError('content_busy', 'Taken.');
  },
};

function pair(handlers: Partial<RequestHandlers<FrontAsks>> = {}) {
  const { port1, port2 } = channel();
  const told: unknown[] = [];
  const front = new ShardLink<FrontAsks, ShardAsks, string, string>(
    port1,
    { name: ({ id }) => Promise.resolve(`shard ${id}`) },
    note => told.push(note),
  );
  const heard: unknown[] = [];
  const shard = new ShardLink<ShardAsks, FrontAsks, string, string>(port2, { ...HANDLERS, ...handlers }, note =>
    heard.push(note),
  );
  return { front, shard, told, heard, port1, port2 };
}

describe('a link between front and shard', () => {
  it('carries requests and answers both ways', async () => {
    const { front, shard } = pair();
    expect(await within('double', front.request('double', { n: 21 }, PLENTY_MS))).toBe(42);
    expect(await within('name', shard.request('name', { id: 3 }, PLENTY_MS))).toBe('shard 3');
  });

  it('matches answers to questions when they come in another order', async () => {
    const gates: ((value: number) => void)[] = [];
    const { front } = pair({ double: () => new Promise<number>(resolve => gates.push(resolve)) });
    const first = front.request('double', { n: 1 }, PLENTY_MS);
    const second = front.request('double', { n: 2 }, PLENTY_MS);
    await until('both questions arrive', () => gates.length === 2);
    gates[1]!(4);
    expect(await within('the second answer', second)).toBe(4);
    gates[0]!(2);
    expect(await within('the first answer', first)).toBe(2);
  });

  it('hands the code and message of a failure to the asker', async () => {
    const { front } = pair();
    const error = await within(
      'fail',
      failureOf(() => front.request('fail', {}, PLENTY_MS)),
    );
    expect(error).toBeInstanceOf(SluiceError);
    expect(error).toMatchObject({ code: 'content_busy', message: 'Taken.' });
  });

  it('tells only "internal" of a failure that has no code', async () => {
    const { front } = pair({ double: () => Promise.reject(new Error('hunter2')) });
    const error = await within(
      'double',
      failureOf(() => front.request('double', { n: 1 }, PLENTY_MS)),
    );
    expect(error).toMatchObject({ code: 'internal' });
    expect(String(error)).not.toContain('hunter2');
  });

  it('gives up at the deadline, naming method and time, and ignores the answer that comes later', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'performance', 'nextTick', 'queueMicrotask'] });
    let answer: (value: number) => void = () => {};
    const { front, told, shard } = pair({
      double: ({ n }) => (n === 1 ? new Promise<number>(resolve => (answer = resolve)) : 2 * n),
    });
    const failure = failureOf(() => front.request('double', { n: 1 }, 250));
    const ended = jest.fn();
    void failure.then(ended);
    await jest.advanceTimersByTimeAsync(249);
    expect(ended).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    expect(await failure).toMatchObject({ code: 'link_timeout', message: "'double' was not answered within 250 ms." });
    jest.useRealTimers();
    // The question itself still arrives; a notification sent after its late answer shows that the answer was read.
    expect(await within('another question', front.request('double', { n: 5 }, PLENTY_MS))).toBe(10);
    answer(2);
    await new Promise(resolve => setImmediate(resolve));
    shard.notify('after the late answer');
    await until('the notification arrives', () => told.length === 1);
    expect(await within('the link still works', front.request('double', { n: 4 }, PLENTY_MS))).toBe(8);
  });

  it('rejects a question that cannot be cloned with a code, and leaves nothing pending', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'performance', 'nextTick', 'queueMicrotask'] });
    const { front } = pair();
    const unclonable = { n: 1, f: () => {} };
    const asked = front.request('double', unclonable, PLENTY_MS);
    expect(await failureOf(() => asked)).toMatchObject({ code: 'internal' });
    expect(jest.getTimerCount()).toBe(0);
    front.close('over'); // Would reject it a second time.
  });

  it('rejects a question whose answer cannot be cloned, and works on', async () => {
    const { front } = pair({ double: ({ n }) => (n === 1 ? ((() => {}) as never) : 2 * n) });
    expect(
      await within(
        'the answer',
        failureOf(() => front.request('double', { n: 1 }, PLENTY_MS)),
      ),
    ).toMatchObject({ code: 'internal' });
    expect(await within('another answer', front.request('double', { n: 2 }, PLENTY_MS))).toBe(4);
  });

  it('takes no deadline into account once the answer is there', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'performance', 'nextTick', 'queueMicrotask'] });
    const { front } = pair();
    await front.request('double', { n: 1 }, 250);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('rejects everything that is pending when it closes, naming method and reason, and leaves no timer', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'performance', 'nextTick', 'queueMicrotask'] });
    const { front } = pair({ double: () => new Promise<number>(() => {}) });
    const failures = [1, 2].map(n => failureOf(() => front.request('double', { n }, PLENTY_MS)));
    failures.push(failureOf(() => front.request('fail', {}, PLENTY_MS)));
    front.close('the shard died');
    expect((await Promise.all(failures)).map(error => (error as SluiceError).code)).toEqual(
      Array(3).fill('link_closed'),
    );
    expect((await failures[0]) as SluiceError).toMatchObject({ message: "'double' got no answer: the shard died." });
    expect((await failures[2]) as SluiceError).toMatchObject({ message: "'fail' got no answer: the shard died." });
    expect(jest.getTimerCount()).toBe(0);
  });

  it('refuses new questions after its end, with the reason of the first close', async () => {
    const { front } = pair();
    front.close('the shard died');
    front.close('something else');
    expect(await failureOf(() => front.request('double', { n: 1 }, PLENTY_MS))).toMatchObject({
      code: 'link_closed',
      message: "'double' was not asked: the shard died.",
    });
  });

  it('neither hears nor says anything after its end', async () => {
    const { front, shard, told, heard } = pair();
    front.close('over');
    front.notify('unheard');
    shard.notify('unheard');
    const unanswered = failureOf(() => shard.request('name', { id: 1 }, 50));
    expect(await within('the question to a closed link', unanswered)).toMatchObject({ code: 'link_timeout' });
    expect([told, heard]).toEqual([[], []]);
  });

  it('does not answer a question that it still worked on when it closed', async () => {
    const gates: ((value: number) => void)[] = [];
    const { front, shard } = pair({ double: () => new Promise<number>(resolve => gates.push(resolve)) });
    const asked = failureOf(() => front.request('double', { n: 1 }, 100));
    await until('the question arrives', () => gates.length === 1);
    shard.close('over');
    gates[0]!(2);
    expect(await within('the answer', asked)).toMatchObject({ code: 'link_timeout' });
  });

  it('delivers notifications in order, and after the answer that was sent before them', async () => {
    const order: string[] = [];
    const { port1, port2 } = channel();
    const front = new ShardLink<FrontAsks, NoAsks, string, string>(port1, {}, note => order.push(note));
    const shard: ShardLink<NoAsks, FrontAsks, string, string> = new ShardLink<NoAsks, FrontAsks, string, string>(
      port2,
      {
        ...HANDLERS,
        double: ({ n }) => {
          shard.notify('before');
          setImmediate(() => {
            for (const note of ['after 1', 'after 2', 'after 3']) shard.notify(note);
          });
          return 2 * n;
        },
      },
      () => {},
    );
    void front.request('double', { n: 1 }, PLENTY_MS).then(n => order.push(`answer ${n}`));
    await until('everything arrives', () => order.length === 5 || order.join());
    expect(order).toEqual(['before', 'answer 2', 'after 1', 'after 2', 'after 3']);
  });

  it('transfers what a notification carries', async () => {
    const { port1, port2 } = channel();
    const got: { port: MessagePort }[] = [];
    const front = new ShardLink<NoAsks, NoAsks, { port: MessagePort }, never>(port1, {}, () => {});
    new ShardLink<NoAsks, NoAsks, never, { port: MessagePort }>(port2, {}, note => got.push(note));
    const carried = channel();
    const message = new Promise(resolve => carried.port1.once('message', resolve));
    front.notify({ port: carried.port2 }, [carried.port2]);
    await until('the port arrives', () => got.length === 1);
    open.push(got[0]!.port);
    got[0]!.port.postMessage('hello');
    expect(await within('a message over the carried port', message)).toBe('hello');
  });
});
