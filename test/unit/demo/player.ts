import type { StandIn } from '../../helpers/stand-in.ts';
import { WireRequest, within } from './wire-client.ts';

/** The part of the control document the tests use. */
export interface Control {
  playback_url: string;
  stat_url: string;
  command_url: string;
  event_url?: string;
  infohash: string;
  playback_session_id: string;
}

/** The envelope of everything under `/ace`. */
export interface Answer<Response = Record<string, unknown>> {
  response: Response | null;
  error: string | null;
}

/** Gets a JSON document. */
export async function getJson<Document>(url: string): Promise<Document> {
  const response = await within(`JSON of ${url}`, fetch(url));
  return (await response.json()) as Document;
}

/** Starts a content by infohash as the player `pid`. */
export async function start(standIn: StandIn, infohash: string, pid = 'player', extra = ''): Promise<Control> {
  const { response, error } = await getJson<Answer<Control>>(
    `${standIn.url}/ace/getstream?format=json&infohash=${infohash}&pid=${pid}${extra}`,
  );
  if (!response) throw new Error(`the start failed: ${error}`);
  return response;
}

/** Where the playback URL redirects to. */
export async function locationOf(playbackUrl: string): Promise<string> {
  const request = new WireRequest(playbackUrl);
  const head = await request.head();
  request.close();
  const location = /^Location: (.+)$/m.exec(head)?.[1];
  if (!location) throw new Error(`no redirect: ${head}`);
  return location.trim();
}

/** Opens the body of a started content. */
export const open = async (control: Control): Promise<WireRequest> =>
  new WireRequest(await locationOf(control.playback_url));

/** Starts a content and opens its body. */
export const play = async (standIn: StandIn, infohash: string, pid?: string): Promise<WireRequest> =>
  open(await start(standIn, infohash, pid));

/** Stat document of a session. */
export const statOf = async (control: Control): Promise<Answer> => getJson<Answer>(control.stat_url);

/** Looks until `condition` holds: for what shows only in an answer that has to be asked for. */
export async function poll(label: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  let given = true;
  const loop = async (): Promise<void> => {
    while (given && !(await condition())) await new Promise<void>(resolve => setTimeout(resolve, 5));
  };
  await within(label, loop()).finally(() => {
    given = false;
  });
}
