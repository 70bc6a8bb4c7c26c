/** Entry of a shard thread: wiring only. */
import { parentPort, workerData } from 'node:worker_threads';
import { Budget } from '../src/shared/budget.ts';
import type {
  FrontNotification,
  FrontRequests,
  ShardBoot,
  ShardNotification,
  ShardRequests,
} from '../src/shared/protocol.ts';
import { ShardLink } from '../src/shared/shard-link.ts';
import { relayHub } from './shard/relay-outlet.ts';
import { HeapSegments } from './shard/segments.ts';
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
const budget = new Budget(boot.budget.limits, boot.budget.buffer);
const segments =
  handoff === undefined || !boot.settings.zeroCopy
    ? new HeapSegments(budget, boot.index)
    : new (await import('./shard/file-segments.ts')).FileSegments(budget, boot.index);
const hubs = { relay: relayHub, handoff };
const shard = new Shard(boot, notification => link.notify(notification), leases, hubs, budget, segments);
const link = new ShardLink<ShardRequests, FrontRequests, ShardNotification, FrontNotification>(
  parentPort,
  shard.handlers,
  notification => {
    switch (notification.type) {
      case 'attach':
        shard.attach(notification);
        break;
      case 'end':
        shard.end(notification);
        break;
      default:
        notification satisfies never;
    }
  },
);
link.notify({ type: 'ready' });
