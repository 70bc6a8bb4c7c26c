/** Entry of a shard thread: wiring only. */
import { parentPort, workerData } from 'node:worker_threads';
import type {
  FrontNotification,
  FrontRequests,
  ShardBoot,
  ShardNotification,
  ShardRequests,
} from '../src/shared/protocol.ts';
import { ShardLink } from '../src/shared/shard-link.ts';
import { relayHub } from './shard/relay-outlet.ts';
import { Shard } from './shard/shard.ts';
import { leasesOver } from './shard/source/leases.ts';

if (parentPort === null) throw new Error('shard.worker runs in a worker thread');
const boot = workerData as ShardBoot;

// The link needs the shard's handlers and the shard needs the link, so each call looks it up.
const leases = leasesOver({
  request: (method, request, timeoutMs) => link.request(method, request, timeoutMs),
  notify: notification => link.notify(notification),
});
// Loaded only where descriptors are shared: elsewhere its native calls don't exist.
const handoff =
  boot.epollFd === undefined ? undefined : new (await import('./shard/handoff-outlet.ts')).HandoffHub(boot.epollFd);
const shard = new Shard(boot, notification => link.notify(notification), leases, { relay: relayHub, handoff });
const link = new ShardLink<ShardRequests, FrontRequests, ShardNotification, FrontNotification>(
  parentPort,
  shard.handlers,
  notification => shard.attach(notification),
);
link.notify({ type: 'ready' });
