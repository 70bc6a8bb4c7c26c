/** What tests use of a package that brings no types. */
declare module 'epg-parser' {
  interface ParsedGuide {
    channels: { id: string; displayName?: { value: string }[] }[];
    programs: { start: string; stop: string; channel: string; titles?: { value: string }[] }[];
  }
  const parser: { parse(document: string): ParsedGuide };
  export default parser;
}
