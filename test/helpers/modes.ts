import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { descriptorsBackTo, openDescriptors, startGateway } from './gateway.ts';
import { type Books, Scene, type SceneOptions } from './recovery.ts';
import { startStandIn } from './stand-in.ts';

/** One way in which engines fail, and what that must come to. Loss and repetition are excluded unless allowed. */
export interface Mode extends SceneOptions, Books {
  /** Ends the sentence "an engine that …". */
  what: string;
  /** Makes the engine fail while two viewers watch, and settles when that is over, if it is ever. */
  inflict(scene: Scene): unknown;
  /** Makes the engine well again before the viewers leave, where it could not end its sessions. */
  heal?(scene: Scene): unknown;
  /** Stamped packets that each viewer may miss at most, where the past is not to be had again. */
  lostAtMost?: number;
}

/** Nobody noticed, so nothing was done. */
export const UNTOUCHED: Pick<Mode, 'interruptions' | 'recoveries' | 'attempts'> = {
  interruptions: {},
  recoveries: {},
  attempts: [],
};

/** Viewers stay and see all of it, the books tell why and how, and nothing is left behind. */
async function prove({ inflict, heal, lostAtMost = 0, what: _, ...mode }: Mode): Promise<void> {
  const { interruptions, recoveries, attempts, sessions, ...options } = mode;
  const scene = await Scene.open(options);
  try {
    await inflict(scene);
    await scene.recovered(Object.values(recoveries).reduce((total, count) => total + count, 0));
    await scene.watched();
    const { seen } = scene;
    await heal?.(scene);
    await scene.emptied();
    expect(await scene.books()).toEqual({ interruptions, recoveries, attempts, sessions });
    for (const viewer of seen) {
      expect(viewer).toMatchObject({ stayed: true, damaged: 0, repeated: 0 });
      expect(viewer.lost).toBeLessThanOrEqual(lostAtMost);
      // A jump is told to decoders; where there is none, they are not bothered.
      expect(viewer.announced).toBe(viewer.lost > 0);
    }
    expect(scene.gateway.fatal).toEqual([]);
  } finally {
    await scene.close();
  }
}

/** Runs modes beside each other, each with engines and a gateway of its own. */
export function describeModes(topic: string, modes: readonly Mode[]): void {
  let descriptors: number;

  beforeAll(async () => {
    // Node and the native library open what they keep open for good.
    const [engine, gateway] = [await startStandIn(), await startGateway({ SHARDS: '1' })];
    await gateway.close();
    await engine.close();
    descriptors = await openDescriptors();
  });

  afterAll(() => descriptorsBackTo(descriptors));

  describe(topic, () => {
    it.concurrent.each(modes)('$what', prove, 60_000);
  });
}
