/**
 * Names of HTML that guides use although XML knows none of them but five. They are replaced by what they mean before the
 * parser sees them; no document can define more.
 */

/** U+00A0 to U+00FF, in their order. */
const LATIN_1 =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml';

const MEANING = new Map<string, string>([
  ...LATIN_1.split(' ').map((name, index): [string, string] => [name, String.fromCharCode(0xa0 + index)]),
  ['OElig', 'Œ'],
  ['oelig', 'œ'],
  ['Scaron', 'Š'],
  ['scaron', 'š'],
  ['Yuml', 'Ÿ'],
  ['ndash', '–'],
  ['mdash', '—'],
  ['lsquo', '‘'],
  ['rsquo', '’'],
  ['sbquo', '‚'],
  ['ldquo', '“'],
  ['rdquo', '”'],
  ['bdquo', '„'],
  ['bull', '•'],
  ['hellip', '…'],
  ['euro', '€'],
  ['trade', '™'],
]);

const OF_XML = new Set(['amp', 'lt', 'gt', 'quot', 'apos']);
const REFERENCE = /<!\[CDATA\[[\s\S]*?\]\]>|&(?:#(\d{1,7});|#x([\da-fA-F]{1,6});|([A-Za-z][A-Za-z\d]{1,30});)?/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const NOT_OF_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/**
 * Repairs what many guides get wrong and everybody understands: ampersands that begin no reference, names of HTML, and
 * characters that XML does not have.
 */
export function repaired(text: string): string {
  const clean = NOT_OF_XML.test(text) ? text.replace(NOT_OF_XML, '') : text;
  if (!clean.includes('&')) return clean;
  return clean.replace(REFERENCE, (whole: string, decimal?: string, hexadecimal?: string, name?: string) => {
    if (whole.startsWith('<')) return whole;
    if (decimal !== undefined) return isOfXml(Number(decimal)) ? whole : '';
    if (hexadecimal !== undefined) return isOfXml(Number.parseInt(hexadecimal, 16)) ? whole : '';
    if (name === undefined) return '&amp;';
    if (OF_XML.has(name)) return whole;
    return MEANING.get(name) ?? `&amp;${name};`;
  });
}

/** Whether XML 1.0 has this character. */
function isOfXml(code: number): boolean {
  if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd;
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
}
