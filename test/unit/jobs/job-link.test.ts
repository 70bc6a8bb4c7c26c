import { MessageChannel } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { JobLink, withLink } from '../../../src/jobs/job-link.ts';
import { until, within } from '../support/waiting.ts';

const NEVER = new AbortController().signal;
const nothing = (): void => {};

describe('a job', () => {
  let channel: MessageChannel;
  let link: JobLink<string>;
  beforeEach(() => {
    channel = new MessageChannel();
    link = new JobLink(channel.port2);
  });
  afterEach(() => link.close());

  it('hears that it shall stop, even if it lets no message through', () => {
    link.throwIfStopped();
    channel.port1.postMessage('stop');
    expect(() => link.throwIfStopped()).toThrow(expect.objectContaining({ name: 'AbortError' }) as unknown as Error);
    expect(link.signal.aborted).toBe(true);
    expect(() => link.deadline(60_000)).toThrow();
  });

  it('hears it as well between two of its steps', async () => {
    channel.port1.postMessage('stop');
    await until('the signal to be aborted', () => link.signal.aborted);
  });

  it('has deadlines that pass, and that do not outlast it', async () => {
    const [short, long] = [link.deadline(1), link.deadline(60_000)];
    await until('the short one to have passed', () => short.aborted);
    expect(short.reason).toMatchObject({ name: 'TimeoutError' });
    expect(long.aborted).toBe(false);
    channel.port1.postMessage('stop');
    await until('the long one to be over', () => long.aborted);
    expect(long.reason).toMatchObject({ name: 'AbortError' });
  });
});

describe('whoever ordered a job', () => {
  it('gets its answer, even of one that was told to stop too late', async () => {
    const stop = new AbortController();
    stop.abort();
    expect(await withLink(stop.signal, nothing, async () => 'done')).toBe('done');
  });

  it('gets its failure, and the reason of the stop where there was one', async () => {
    const failing = (): Promise<never> => Promise.reject(new Error('broken'));
    await expect(withLink(NEVER, nothing, failing)).rejects.toThrow('broken');
    const stop = new AbortController();
    stop.abort();
    await expect(withLink(stop.signal, nothing, failing)).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('is told how far it is', async () => {
    const told: unknown[] = [];
    await withLink(
      NEVER,
      progress => told.push(progress),
      async port => {
        const link = new JobLink<string>(port);
        link.report('half');
        await until('the report to arrive', () => told.length > 0);
        link.close();
      },
    );
    expect(told).toEqual(['half']);
  });

  it('stops one that is at work', async () => {
    const stop = new AbortController();
    const job = withLink(stop.signal, nothing, async port => {
      const link = new JobLink(port);
      stop.abort();
      await until('the job to hear of it', () => link.signal.aborted);
      link.close();
      link.signal.throwIfAborted();
    });
    await expect(within('the job to end', job)).rejects.toMatchObject({ name: 'AbortError' });
  });
});
