import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Agent } from 'undici';
import { EndlessAnswer } from '../../../src/engine/endless-answer.ts';
import { type Answer, ScriptedEngine } from '../support/scripted-engine.ts';
import { failureOf, until, within } from '../support/waiting.ts';

const OVER = new Error('nobody needs it any more');

let agent: Agent;
let server: ScriptedEngine;
/** Answers that are open on the server's side. */
let open: Set<ServerResponse>;

beforeEach(async () => {
  agent = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
  server = await ScriptedEngine.start();
  open = new Set();
});
afterEach(async () => {
  await agent.destroy();
  await server.close();
});

/** Asks for what the test answers. */
function ask(answer: Answer): EndlessAnswer {
  server.answers['/'] = (request, response) => {
    open.add(response);
    response.on('close', () => open.delete(response));
    answer(request, response);
  };
  const answered = new EndlessAnswer();
  agent.dispatch({ origin: server.url, path: '/', method: 'GET', reset: true }, answered);
  return answered;
}

/** An answer that has begun, the server's side of it, and what was read of it. */
async function begun(first = 'first'): Promise<{ answer: EndlessAnswer; response: ServerResponse }> {
  const answer = ask((_, response) => void response.writeHead(200, { 'X-Test': 'yes' }).write(first));
  await within('the head', answer.head);
  const [response] = open;
  return { answer, response: response! };
}

/** Reads into a text that grows. */
function read(answer: EndlessAnswer): { done: Promise<void>; text: () => string } {
  let text = '';
  const done = answer.read(chunk => {
    text += chunk;
    chunk.fill(0); // As a stream may.
  });
  done.catch(() => {}); // Whoever waits for it gets the error.
  return { done, text: () => text };
}

const closed = (): Promise<void> => until('the connection closes', () => open.size === 0);

describe('an answer', () => {
  it('has a head, then a body piece by piece to its end', async () => {
    const { answer, response } = await begun();
    expect([answer.statusCode, answer.headers['x-test']]).toEqual([200, 'yes']);
    const { done, text } = read(answer);
    await until('the first piece', () => text() === 'first');
    response.write(' second');
    await until('the second piece', () => text() === 'first second');
    response.end(' last');
    await within('the end', done);
    expect(text()).toBe('first second last');
  });

  it('holds its body back until it is read: the server gets no further than buffers reach', async () => {
    const answer = ask((_, response) => {
      response.writeHead(200);
      const more = (): void => {
        while (response.write(Buffer.alloc(1 << 20, 'x')));
      };
      response.on('drain', more);
      more();
    });
    await within('the head', answer.head);
    const [response] = open;
    let sent = -1;
    await until('the buffers are full', () => {
      const before = sent;
      sent = response!.socket!.bytesWritten;
      return response!.writableNeedDrain && sent === before;
    });
    let bytes = 0;
    const done = answer.read(chunk => {
      bytes += chunk.length;
    });
    await until('more than any buffer holds', () => bytes > 64 << 20);
    answer.destroy(OVER);
    expect(await failureOf(() => within('the end', done))).toBe(OVER);
    await closed();
  });

  it.each([
    ['nothing', ''],
    ['a little', 'all there is'],
  ])('that ended with %s before anybody read it is read all the same', async (_, body) => {
    const answer = ask((_request, response) => void response.writeHead(200).end(body));
    await within('the head', answer.head);
    await closed();
    const { done, text } = read(answer);
    await within('the end', done);
    expect(text()).toBe(body);
  });

  it('that broke before anybody read it fails when it is read', async () => {
    const { answer, response } = await begun();
    response.destroy();
    await closed();
    const { done } = read(answer);
    expect(await failureOf(() => within('the end', done))).toBeInstanceOf(Error);
  });

  it('that breaks while it is read fails', async () => {
    const { answer, response } = await begun();
    const { done, text } = read(answer);
    await until('the first piece', () => text() === 'first');
    response.destroy();
    expect(await failureOf(() => within('the end', done))).toBeInstanceOf(Error);
  });

  it('that never comes fails where its head is awaited', async () => {
    const answer = ask((request, _response) => void request.socket.destroy());
    expect(await failureOf(() => within('the head', answer.head))).toBeInstanceOf(Error);
  });

  it('goes on with the same body where its reader throws nothing, and breaks with what it throws', async () => {
    const { answer, response } = await begun();
    const bad = new Error('this is no stream');
    const pieces: string[] = [];
    const done = answer.read(chunk => {
      pieces.push(String(chunk));
      if (pieces.length === 2) throw bad;
    });
    done.catch(() => {});
    await until('the first piece', () => pieces.length === 1);
    response.write('second');
    expect(await failureOf(() => within('the end', done))).toBe(bad);
    await closed();
    expect(pieces).toEqual(['first', 'second']);
  });
});

describe('an answer that is destroyed', () => {
  it('before it was even asked for sends nothing', async () => {
    const answer = new EndlessAnswer();
    answer.destroy(OVER);
    agent.dispatch({ origin: server.url, path: '/', method: 'GET', reset: true }, answer);
    expect(await failureOf(() => within('the head', answer.head))).toBe(OVER);
    await within('the connections close', agent.close());
    expect(server.requests).toEqual([]);
  });

  it('while its head is awaited rejects that with the reason, and closes the connection', async () => {
    const answer = ask(() => {});
    await until('the question arrives', () => open.size === 1);
    answer.destroy(OVER);
    expect(await failureOf(() => within('the head', answer.head))).toBe(OVER);
    await closed();
  });

  it('before it is read fails with the reason when it is', async () => {
    const { answer } = await begun();
    answer.destroy(OVER);
    await closed();
    const { done, text } = read(answer);
    expect(await failureOf(() => within('the end', done))).toBe(OVER);
    expect(text()).toBe('');
  });

  it('while it is read fails with the reason, brings nothing more, and can be destroyed again', async () => {
    const { answer, response } = await begun();
    const { done, text } = read(answer);
    await until('the first piece', () => text() === 'first');
    response.write('more');
    answer.destroy(OVER);
    answer.destroy(new Error('again'));
    expect(await failureOf(() => within('the end', done))).toBe(OVER);
    await closed();
    expect(text()).toBe('first');
  });

  it('by its reader brings nothing more', async () => {
    const { answer } = await begun('a'.repeat(300_000));
    let pieces = 0;
    const done = answer.read(() => {
      pieces++;
      answer.destroy(OVER);
    });
    expect(await failureOf(() => within('the end', done))).toBe(OVER);
    await closed();
    expect(pieces).toBe(1);
  });

  it('behind its end changes nothing', async () => {
    const { answer, response } = await begun();
    const { done } = read(answer);
    response.end();
    await within('the end', done);
    answer.destroy(OVER);
    await done;
  });

  it('leaves no socket behind, in any order', async () => {
    const before = process.getActiveResourcesInfo().filter(kind => /TCPSocketWrap|Timeout/.test(kind)).length;
    const answers = [ask(() => {}), ask(() => {}), (await begun()).answer];
    for (const answer of answers) {
      answer.head.catch(() => {});
      answer.destroy(OVER);
    }
    await closed();
    await until(
      'all sockets are gone',
      () => process.getActiveResourcesInfo().filter(kind => /TCPSocketWrap|Timeout/.test(kind)).length <= before,
    );
  });
});
