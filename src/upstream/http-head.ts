import { SluiceError } from '../shared/errors.ts';

/** Headers of an answer, by lower-case name. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** What the head of an answer announces. */
export type HttpHead =
  | { kind: 'redirect'; location: string }
  | {
      kind: 'body';
      /** What viewers are told: the source's own type where it is one of video or audio. */
      contentType: string;
      /** The length is known, so the body has an end of its own. */
      isFinite: boolean;
    };

/** How many bytes of a body {@link looksLikeText} should see; fewer only if there are no more. */
export const SNIFFED_BYTES = 16;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const MEDIA_TYPE = /^[\w.+-]{1,40}\/[\w.+-]{1,40}$/;
const TEXT_TYPES = /\b(html|json|xml|mpegurl|x-scpls)\b/;

/**
 * Reads the head of an answer.
 * @throws SluiceError why there is no stream behind it
 */
export function readHead(status: number, headers: AnswerHeaders): HttpHead {
  if (REDIRECTS.has(status)) {
    const location = first(headers.location);
    if (location === '') throw new SluiceError('source_bad_answer', 'The source redirected without saying where to.');
    return { kind: 'redirect', location };
  }
  // 206 is what some servers answer to everything.
  if (status !== 200 && status !== 206) throw refusal(status);
  const type = first(headers['content-type']).split(';', 1)[0]!.trim().toLowerCase();
  if (TEXT_TYPES.test(type))
    throw new SluiceError(
      'source_not_stream',
      `The source answered with ${MEDIA_TYPE.test(type) ? type : 'text'} instead of a stream.`,
    );
  if (!['', 'identity'].includes(first(headers['content-encoding']).toLowerCase()))
    throw new SluiceError('source_not_stream', 'The source answered with a compressed body instead of a stream.');
  return {
    kind: 'body',
    contentType: /^(video|audio)\//.test(type) && MEDIA_TYPE.test(type) ? type : 'video/mp2t',
    isFinite: /^\d+$/.test(first(headers['content-length'])),
  };
}

/** Whether a body that begins like this is a page, a document or a playlist, whatever its type says. */
export function looksLikeText(beginning: Buffer): boolean {
  const text = beginning.toString('latin1').replace(/^\xef\xbb\xbf/, ''); // Byte order mark of UTF-8.
  const start = text.trimStart();
  if (/^(<!doctype|<html|<\?xml|#extm3u)/i.test(start)) return true;
  // A stream may begin with any byte when it is joined in the middle, but hardly with 16 that are all readable.
  return beginning.length > 0 && /^[\s -~]*$/.test(text) && /^([<{[]|#EXT|$)/.test(start);
}

/** Whether an answer sends us elsewhere. */
export function isRedirect(status: number): boolean {
  return REDIRECTS.has(status);
}

/** Why an answer with this status brings nothing. */
export function refusal(status: number): SluiceError {
  switch (status) {
    case 404:
    case 410:
      return new SluiceError('source_not_found', `The source has no such stream (status ${status}).`);
    case 401:
    case 403:
      return new SluiceError('source_refused', `The source refused access (status ${status}).`);
    default:
      return new SluiceError('source_unavailable', `The source answered with status ${status}.`);
  }
}

/** The first value of a header; empty when there is none. */
export function first(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? '';
}
