import { SluiceError } from '../../../src/shared/errors.ts';

/** Everything before the root; longer ones are none of XMLTV. */
const MAX_PROLOG_CHARS = 64 << 10;

/** Where a document's root begins, or that more has to be read to tell. */
export type Prolog = { rootAt: number } | 'incomplete';

/**
 * Reads past everything that comes before the root of an XMLTV document. The type declaration is never interpreted: one
 * that brings declarations of its own is refused, since all that could be in it is entities.
 * @param isAll there is no more text than this
 * @throws SluiceError `guide_not_xmltv`
 */
export function readProlog(text: string, isAll: boolean): Prolog {
  for (let at = 0; ; ) {
    at += /^[\s\ufeff]*/.exec(text.slice(at, at + MAX_PROLOG_CHARS))![0].length;
    if (at >= MAX_PROLOG_CHARS) throw new SluiceError('guide_not_xmltv', 'The guide has too much before its content.');
    if (at >= text.length) return unfinished(text, isAll);
    const next = text.slice(at, at + 16);
    if (!next.startsWith('<'))
      throw new SluiceError('guide_not_xmltv', 'The guide is no XML document; it begins with other text.');
    if (next.length < 16 && !next.includes('>') && !isAll) return 'incomplete';
    const end = next.startsWith('<!--')
      ? endOf(text, '-->', at + 4)
      : next.startsWith('<?')
        ? endOf(text, '?>', at)
        : 0;
    if (end === -1) return unfinished(text, isAll);
    if (end > 0) {
      at = end;
    } else if (/^<!doctype\s/i.test(next)) {
      const after = endOfDoctype(text, at);
      if (after === -1) return unfinished(text, isAll);
      at = after;
    } else if (/^<tv(?=[\s/>])/.test(next)) {
      return { rootAt: at };
    } else {
      throw notATv(next);
    }
  }
}

function notATv(beginning: string): SluiceError {
  return new SluiceError(
    'guide_not_xmltv',
    /^<(html|head|body)\b/i.test(beginning)
      ? 'The guide is a web page, perhaps a login or an error.'
      : 'The guide is no XMLTV document: its root is not <tv>.',
  );
}

function endOf(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at === -1 ? -1 : at + mark.length;
}

function endOfDoctype(text: string, from: number): number {
  if (/^<!doctype\s+html\b/i.test(text.slice(from, from + 40))) throw notATv('<html');
  const declaration = /[[>]/g;
  declaration.lastIndex = from;
  const found = declaration.exec(text);
  if (found === null) return -1;
  if (found[0] === '[')
    throw new SluiceError('guide_not_xmltv', 'The guide declares a document type of its own, which is never read.');
  return found.index + 1;
}

function unfinished(text: string, isAll: boolean): 'incomplete' {
  if (isAll) throw new SluiceError('guide_not_xmltv', 'The guide is empty, or ends before its content.');
  if (text.length > MAX_PROLOG_CHARS)
    throw new SluiceError('guide_not_xmltv', 'The guide has too much before its content.');
  return 'incomplete';
}
