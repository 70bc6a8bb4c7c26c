/** Which guide channel a channel shows. Pure; manual choices are not its business, they are kept by who calls it. */
import { type ChannelName, parseChannelName, parseGuideId } from './channel-name.ts';
import { TypoIndex } from './typo-index.ts';

/** A channel that looks for its guide. */
export interface MatchChannel {
  readonly id: number;
  readonly name: string;
  readonly guideId: string | null;
  readonly category: string;
}

/** A channel of a guide. They are given in the order in which their sources are preferred. */
export interface MatchCandidate {
  readonly id: number;
  readonly xmltvId: string;
  readonly names: readonly string[];
}

/** What was found. */
export interface Match {
  readonly channelId: number;
  readonly guideChannelId: number;
  /** 0 to 1: how sure it is. */
  readonly score: number;
  readonly how: 'guide-id' | 'name';
}

/** Matches below this are none: a wrong guide is worse than no guide. */
export const MATCH_THRESHOLD = 0.8;

/** How sure each way is before countries are compared. */
const SURE = { guideId: 1, name: 0.95, idAsName: 0.9, loose: 0.86, typo: 0.84 } as const;
/** Both sides name the same country. */
const SAME_COUNTRY = 0.03;
/** The channel names none, and the guide has several of that name. */
const UNSURE_COUNTRY = -0.25;
const OTHER_COUNTRY = -0.5;

interface Named {
  /** Place among all candidates: earlier ones are preferred. */
  readonly place: number;
  readonly id: number;
  readonly country: string | undefined;
}

/** Finds candidates for channels; made once for a set of candidates, so that many channels cost little each. */
export class Matcher {
  readonly #byId = new Map<string, number>();
  readonly #byKey = new Map<string, Named[]>();
  readonly #byLoose = new Map<string, Named[]>();
  readonly #typos = new TypoIndex();
  readonly #threshold: number;

  constructor(candidates: Iterable<MatchCandidate>, threshold: number = MATCH_THRESHOLD) {
    this.#threshold = threshold;
    let place = 0;
    for (const candidate of candidates) this.#add(candidate, place++);
    for (const key of this.#byKey.keys()) this.#typos.add(key);
  }

  /** The best candidate for a channel, if there is one that is sure enough. */
  match(channel: MatchChannel): Match | undefined {
    const guideId = channel.guideId?.trim().toLowerCase() ?? '';
    const byId = this.#byId.get(guideId);
    if (byId !== undefined)
      return { channelId: channel.id, guideChannelId: byId, score: SURE.guideId, how: 'guide-id' };
    const best = this.#byName(channel);
    if (best === undefined || best.score < this.#threshold) return undefined;
    return { channelId: channel.id, guideChannelId: best.id, score: best.score, how: 'name' };
  }

  #add({ id, xmltvId, names }: MatchCandidate, place: number): void {
    const lowerId = xmltvId.trim().toLowerCase();
    if (!this.#byId.has(lowerId)) this.#byId.set(lowerId, id);
    const byId = parseGuideId(xmltvId);
    for (const name of [...names.map(parseChannelName), byId]) {
      const named = { place, id, country: name.country ?? byId.country };
      if (name.key !== '') append(this.#byKey, name.key, named);
      if (name.loose !== undefined && name.loose !== '') append(this.#byLoose, name.loose, named);
    }
  }

  #byName({ name, guideId, category }: MatchChannel): { id: number; score: number } | undefined {
    const parsed = parseChannelName(name);
    const byId = guideId === null ? undefined : parseGuideId(guideId);
    const country = parsed.country ?? byId?.country ?? parseChannelName(`${category}: x`).country;
    const ways: (readonly [found: readonly Named[] | undefined, sure: number])[] = [
      [this.#byKey.get(parsed.key), SURE.name],
      [byId && this.#byKey.get(byId.key), SURE.idAsName],
      [parsed.loose === undefined ? undefined : this.#byLoose.get(parsed.loose), SURE.loose],
      ...this.#typos.near(parsed.key).map(key => [this.#byKey.get(key), SURE.typo] as const),
    ];
    let best: { id: number; score: number } | undefined;
    for (const [found, sure] of ways) {
      if (found === undefined || (best !== undefined && best.score >= sure)) continue;
      const chosen = choose(found, country, sure);
      if (best === undefined || chosen.score > best.score) best = chosen;
    }
    return best;
  }
}

/** The best of candidates that are named alike. */
function choose(found: readonly Named[], country: string | undefined, sure: number): { id: number; score: number } {
  const countries = new Set(found.map(named => named.country).filter(Boolean));
  const bonusOf = (named: Named): number => {
    if (named.country === undefined) return 0;
    if (country === undefined) return countries.size > 1 ? UNSURE_COUNTRY : 0;
    return named.country === country ? SAME_COUNTRY : OTHER_COUNTRY;
  };
  const ranked = found
    .map(named => ({ named, bonus: bonusOf(named) }))
    .sort((a, b) => b.bonus - a.bonus || a.named.place - b.named.place);
  const { named, bonus } = ranked[0]!;
  return { id: named.id, score: Math.round((sure + bonus) * 100) / 100 };
}

function append(map: Map<string, Named[]>, key: string, named: Named): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [named]);
  else if (list.at(-1)!.id !== named.id) list.push(named);
}

export type { ChannelName };
