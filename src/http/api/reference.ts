/** The reference page: the OpenAPI document as plain HTML, without a script. */
import { createHash } from 'node:crypto';
import { html, raw } from 'hono/html';
import { ERROR_CODES, SluiceError } from '../../shared/errors.ts';
import type { ApiDocument } from './v1.ts';

type Html = ReturnType<typeof html>;
/** What of a schema is shown; the document's own types allow far more. */
interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  required?: string[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  description?: string;
  default?: unknown;
}
interface Operation {
  tags?: string[];
  summary?: string;
  description?: string;
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema?: Schema }[];
  requestBody?: { content?: Record<string, { schema?: Schema }> };
  responses?: Record<string, { description?: string; content?: Record<string, { schema?: Schema }> }>;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
const CSS = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #8884}
article{margin:1.5rem 0;padding:0 1rem;border:1px solid #8884;border-radius:.5rem}h3 code{font-size:1rem}nav a{margin-right:1em}`;

/** What a browser may do with the page: show it, and nothing else. */
export const REFERENCE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(CSS).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

const anchorOf = (name: string): string => name.toLowerCase().replace(/[^a-z0-9_]+/g, '-');

function typeOf(schema: Schema | undefined): Html | string {
  if (schema === undefined) return 'anything';
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1)!;
    return html`<a href="#schema-${anchorOf(name)}">${name}</a>`;
  }
  if (schema.enum !== undefined) return schema.enum.map(value => JSON.stringify(value)).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const union = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (union !== undefined) return html`${union.map((part, place) => html`${place > 0 ? ' | ' : ''}${typeOf(part)}`)}`;
  if (schema.items !== undefined) return html`list of ${typeOf(schema.items)}`;
  if (schema.properties !== undefined) return fields(schema);
  return [schema.type ?? 'anything'].flat().join(' | ');
}

/** Required fields of a schema, those of what it extends included. */
function fields(schema: Schema): Html {
  const required = new Set(schema.required);
  const rows = Object.entries(schema.properties ?? {}).map(
    ([name, field]) => html`<tr><td><code>${name}</code>${required.has(name) ? '' : ' (optional)'}</td>
      <td>${typeOf(field)}</td><td>${field.description ?? ''}${defaultOf(field)}</td></tr>`,
  );
  return html`<table>${rows}</table>`;
}

function defaultOf({ default: value }: Schema): Html | string {
  return value === undefined ? '' : html` Default: <code>${JSON.stringify(value)}</code>.`;
}

function contentOf(content: Record<string, { schema?: Schema }> | undefined): Html | string {
  const schema = Object.values(content ?? {})[0]?.schema;
  return schema === undefined ? '' : typeOf(schema);
}

function operationPart(method: string, path: string, operation: Operation): Html {
  const parameters = (operation.parameters ?? []).map(
    ({ name, in: place, required, description, schema = {} }) =>
      html`<tr><td><code>${name}</code> (${place}${required ? '' : ', optional'})</td>
        <td>${typeOf(schema)}</td><td>${description ?? schema.description ?? ''}${defaultOf(schema)}</td></tr>`,
  );
  const answers = Object.entries(operation.responses ?? {}).map(
    ([status, { description, content }]) =>
      html`<tr><td>${status}</td><td>${description ?? ''}</td><td>${contentOf(content)}</td></tr>`,
  );
  const body = contentOf(operation.requestBody?.content);
  return html`<article id="${anchorOf(`${method} ${path}`)}"><h3><code>${method.toUpperCase()} ${path}</code></h3>
    <p>${operation.summary ?? ''}. ${operation.description ?? ''}</p>
    ${parameters.length > 0 ? html`<h4>Parameters</h4><table>${parameters}</table>` : ''}
    ${body === '' ? '' : html`<h4>Body</h4>${body}`}
    <h4>Answers</h4><table>${answers}</table></article>`;
}

/** The page. */
export async function referencePage({ info, paths = {}, components }: ApiDocument): Promise<string> {
  const byTag = new Map<string, Html[]>();
  for (const [path, item] of Object.entries(paths))
    for (const method of METHODS) {
      const operation = (item as Record<string, Operation | undefined>)[method];
      if (operation === undefined) continue;
      const tag = operation.tags?.[0] ?? 'Other';
      byTag.set(tag, [...(byTag.get(tag) ?? []), operationPart(method, path, operation)]);
    }
  const schemas = Object.entries((components?.schemas ?? {}) as Record<string, Schema>).map(
    ([name, schema]) => html`<h3 id="schema-${anchorOf(name)}">${name}</h3><p>${schema.description ?? ''}</p>
      ${schema.properties === undefined ? typeOf(schema) : fields(schema)}`,
  );
  const codes = ERROR_CODES.map(
    code => html`<tr id="${code}"><td><code>${code}</code></td><td>${new SluiceError(code, '').status}</td></tr>`,
  );
  const page = html`<!doctype html><html lang="en"><head><meta charset="utf-8">
    <meta name="viewport" content="width=device-width"><title>${info.title}</title><style>${raw(CSS)}</style></head>
    <body><h1>${info.title} ${info.version}</h1><p>${info.description ?? ''}</p>
    <nav>${[...byTag.keys()].map(tag => html`<a href="#${anchorOf(tag)}">${tag}</a>`)}<a href="#schemas">Schemas</a>
    <a href="#codes">Codes</a><a href="/api/openapi.json">OpenAPI</a></nav>
    ${[...byTag].map(([tag, operations]) => html`<h2 id="${anchorOf(tag)}">${tag}</h2>${operations}`)}
    <h2 id="schemas">Schemas</h2>${schemas}
    <h2 id="codes">Codes</h2><table>${codes}</table></body></html>`;
  return String(await page);
}
