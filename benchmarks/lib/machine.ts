/** Where a result was measured: figures from two machines, or two Node versions, must not be compared. */
import os from 'node:os';

export interface Machine {
  cpu: string;
  cores: number;
  memoryBytes: number;
  kernel: string;
  node: string;
}

/** Processor time of all cores together, in milliseconds. */
export interface CoreTimes {
  busyMs: number;
  idleMs: number;
}

export function coreTimes(): CoreTimes {
  const times = os.cpus().map(cpu => cpu.times);
  const idleMs = times.reduce((sum, time) => sum + time.idle, 0);
  const allMs = times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0);
  return { busyMs: allMs - idleMs, idleMs };
}

/** The share (0..1) of all cores that was in use between two moments, by whatever program. */
export function busyShare(from: CoreTimes, to: CoreTimes): number {
  const busyMs = to.busyMs - from.busyMs;
  const allMs = busyMs + to.idleMs - from.idleMs;
  return allMs === 0 ? 0 : busyMs / allMs;
}

export function describeMachine(): Machine {
  const [first] = os.cpus();
  return {
    cpu: first?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    kernel: `${os.type()} ${os.release()}`,
    node: process.version,
  };
}
