/** What the Xtream API needs from accounts, catalogue and guide: no more than it uses of each. */
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { StreamSpec } from '../shared/stream-spec.ts';

/** Whether an account may watch, and if not, why. */
export type Standing = 'active' | 'expired' | 'disabled' | 'banned';

/** An account, as far as players are told about it. */
export interface XtreamAccount {
  readonly id: number;
  /** Unix seconds; null never expires. */
  readonly expiresAt: number | null;
  /** 0 is no limit. */
  readonly maxConnections: number;
  readonly isTrial: boolean;
  /** Forms in which it may watch. */
  readonly formats: readonly string[];
  /** Categories it may watch; null is all of them. */
  readonly categoryIds: readonly number[] | null;
  readonly createdAt: number;
}

/** What came of a login. */
export type Verdict<Account extends XtreamAccount = XtreamAccount> =
  | { readonly kind: 'ok'; readonly account: Account; readonly standing: Standing }
  | { readonly kind: 'refused' }
  | { readonly kind: 'throttled'; readonly retryAfterSeconds: number };

/** A group of channels. */
export interface XtreamCategory {
  readonly id: number;
  readonly name: string;
}

/** A channel, as far as one request about it needs it. */
export interface XtreamChannel {
  readonly id: number;
  readonly name: string;
  readonly categoryId: number;
  readonly enabled: boolean;
  /** What guide and lists know it by. */
  readonly guideId: string;
}

/** A programme of a guide. Times are unix seconds. */
export interface XtreamProgramme {
  readonly startAt: number;
  readonly stopAt: number;
  readonly title: string;
  readonly description: string | null;
}

/** Which programmes are wanted: those that are on at some time between two. */
export interface ProgrammeWindow {
  readonly fromS: number;
  readonly toS?: number;
  readonly limit?: number;
}

/** How the bytes of a guide are sent. */
export type GuideEncoding = 'identity' | 'gzip';

/** A guide in XMLTV, for everybody who may see the same channels. */
export interface GuideDocument {
  /** Change with the contents; quoted, as the header has them. */
  readonly etags: Readonly<Record<GuideEncoding, string>>;
  readonly lastModified: Date;
  readonly bytes: Readonly<Record<GuideEncoding, number>>;
  open(encoding: GuideEncoding): Readable;
}

/** A stream that an account is about to watch. */
export interface Playback {
  readonly account: XtreamAccount;
  readonly channelId: number;
  readonly channelName: string;
  readonly format: 'ts';
  readonly stream: StreamSpec;
  readonly socket: Socket;
  readonly address: string;
  readonly userAgent: string;
}

/** Who is let in. */
export interface LoginPort {
  verify(username: string, password: string, address: string): Promise<Verdict>;
}

/** Who watches what. */
export interface SessionsPort {
  /** Makes the client a viewer. @throws SluiceError when the account has no connection left */
  begin(playback: Playback): void;
  /** Streams that an account has open. */
  activeOf(accountId: number): number;
}

/** What there is to watch. */
export interface CatalogPort {
  channel(id: number): XtreamChannel | undefined;
  /** In the order in which players show them. */
  categories(): readonly XtreamCategory[];
  /** What it takes to open a channel. @throws SluiceError when it has no source */
  specFor(channelId: number): StreamSpec | Promise<StreamSpec>;
}

/** What is on. */
export interface GuidePort {
  /** In their order. */
  programmes(channelId: number, window: ProgrammeWindow): readonly XtreamProgramme[];
  /** The document of all channels, or of those in some categories. */
  xmltvFor(selection: 'all' | { categoryIds: readonly number[] }): Promise<GuideDocument>;
}

/** Whether an account may watch what is in a category. */
export function mayWatch(account: Pick<XtreamAccount, 'categoryIds'>, categoryId: number): boolean {
  return account.categoryIds === null || account.categoryIds.includes(categoryId);
}
