import ipaddr from 'ipaddr.js';
import { bracketed } from './kinds.ts';
import type { Settings } from './schema.ts';

type EngineSettings = Pick<Settings, 'acestreamEngines' | 'acestreamEngineHost' | 'acestreamEnginePort'>;

/** The list of engines if there is one, else the single engine, else none. */
export function engineOrigins(settings: EngineSettings): readonly string[] {
  const { acestreamEngines, acestreamEngineHost, acestreamEnginePort } = settings;
  if (acestreamEngines.length > 0 || acestreamEngineHost === undefined) return acestreamEngines;
  return Object.freeze([new URL(`http://${bracketed(acestreamEngineHost)}:${acestreamEnginePort}`).origin]);
}

/** Whether an engine listens on this port of this machine, so that the gateway cannot. */
export function takesLocalPort(origin: string, port: number): boolean {
  const url = new URL(origin);
  const enginePort = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  return enginePort === port && isThisMachine(url.hostname.replace(/^\[|\]$/g, ''));
}

function isThisMachine(hostname: string): boolean {
  if (!ipaddr.isValid(hostname)) return /(^|\.)localhost$/.test(hostname);
  const range = ipaddr.process(hostname).range();
  return range === 'loopback' || range === 'unspecified';
}
