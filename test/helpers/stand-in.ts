import type { ContentSpec } from '../../workers/demo/content.ts';
import type { ContentPatch, EngineSnapshot, GlobalPatch } from '../../workers/demo/controls.ts';
import { DemoEngine } from '../../workers/demo/engine.ts';
import type { GlobalFaults } from '../../workers/demo/engine-state.ts';
import type { EngineOptions } from '../../workers/demo/options.ts';

/** Tests don't wait as long as real engines take: 4 s for an unknown id become 80 ms. */
const TEST_TIME_SCALE = 0.02;

/** A stand-in engine that runs inside the test. */
export interface StandIn {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  url: string;
  port: number;
  engine: DemoEngine;
  /** Adds or replaces a content; returns both of its hashes. */
  putContent(infohash: string, spec: ContentSpec): { infohash: string; contentId: string };
  /** Switches faults of a content on or (with `null`) off, also while it runs. */
  patchContent(infohash: string, patch: ContentPatch): void;
  state(): EngineSnapshot;
  /** Switches faults of the whole engine, or restarts it. */
  global(patch: GlobalPatch): GlobalFaults;
  close(): Promise<void>;
}

/** Starts a stand-in engine on a free loopback port. */
export async function startStandIn(options: Partial<EngineOptions> = {}): Promise<StandIn> {
  const engine = new DemoEngine({ timeScale: TEST_TIME_SCALE, ...options });
  const { host, port } = await engine.listen();
  return {
    url: `http://${host}:${port}`,
    port,
    engine,
    putContent: (infohash, spec) => {
      const { contentId } = engine.putContent(infohash, spec);
      return { infohash, contentId };
    },
    patchContent: (infohash, patch) => void engine.patchContent(infohash, patch),
    state: () => engine.state(),
    global: patch => engine.global(patch),
    close: () => engine.close(),
  };
}
