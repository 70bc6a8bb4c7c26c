/** Building blocks of described routes: what all of them ask and answer alike. */
import { OpenAPIHono, z } from '@hono/zod-openapi';
import { type ErrorCode, SluiceError } from '../../shared/errors.ts';
import type { AppEnv } from '../app-env.ts';
import { InvalidRequest, problemBody, problemSchema } from './problem.ts';

/** An app whose routes are described by their schemas. */
export type DescribedApp = OpenAPIHono<AppEnv>;

/** Most items of one page. */
export const MAX_PAGE = 500;
/** What may come before a field's own path in a complaint. */
const PLACES: Readonly<Record<string, string>> = { json: 'body', param: 'path' };

/** An app that refuses wrong requests with all that is wrong. */
export function describedApp(): DescribedApp {
  return new OpenAPIHono<AppEnv>({
    strict: false,
    defaultHook: result => {
      if (result.success) return;
      const place = PLACES[result.target] ?? result.target;
      throw new InvalidRequest(
        result.error.issues.flatMap(issue => {
          // An unknown key is told of at what holds it.
          const keys = issue.code === 'unrecognized_keys' ? issue.keys : [undefined];
          return keys.map(key => ({
            field: [place, ...issue.path, ...(key === undefined ? [] : [key])].join('.'),
            message: key === undefined ? issue.message : 'There is no such field.',
          }));
        }),
      );
    },
  });
}

/** The id in a path. */
export const idPath = z.object({
  id: z.coerce.number<string>().int().positive().max(Number.MAX_SAFE_INTEGER).openapi({ type: 'integer', example: 1 }),
});

/** Which part of a list is asked for. */
export const pageQuery = {
  offset: z.coerce
    .number<string>()
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .default(0)
    .openapi({ type: 'integer', description: 'How many to pass over.' }),
  limit: z.coerce
    .number<string>()
    .int()
    .min(1)
    .max(MAX_PAGE)
    .default(50)
    .openapi({ type: 'integer', description: 'How many to answer with at most.' }),
};

/** A part of a list, and how many items there are in all. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), total: z.int().min(0) });
}

/** An answer with JSON. */
export function answer<T extends z.ZodType>(description: string, schema: T) {
  return { description, content: { 'application/json': { schema } } };
}

/** An answer with JSON that has a version. */
export function versioned<T extends z.ZodType>(description: string, schema: T) {
  const headers = { ETag: { description: 'Its version, for If-Match.', schema: { type: 'string' as const } } };
  return { ...answer(description, schema), headers };
}

/** An object's schema under a name. A new one, because those from elsewhere were made before they could be described. */
export function named<T extends z.core.$ZodLooseShape>(name: string, { shape }: z.ZodObject<T, z.core.$strict>) {
  return z.strictObject(shape).openapi(name);
}

/** A request's JSON. */
export function jsonBody<T extends z.ZodType>(schema: T) {
  return { required: true as const, content: { 'application/json': { schema } } };
}

/** Refusals that any described route may answer with. */
const COMMON: readonly [ErrorCode, string][] = [
  ['login_required', 'Log in as administrator: HTTP Basic, or password or token as bearer.'],
  ['scope_missing', "The token lacks the scope 'write'."],
  ['request_invalid', 'The request has fields that are missing, wrong or unknown.'],
];

/**
 * Refusals that a route may answer with. The type says nothing of them, because handlers throw and never answer them.
 * @param own those of this route, each with an example of what it says
 */
export function refusals(own: Readonly<Partial<Record<ErrorCode, string>>> = {}): object {
  const errors = [...COMMON, ...(Object.entries(own) as [ErrorCode, string][])].map(
    ([code, message]) => new SluiceError(code, message),
  );
  const statuses = [...new Set(errors.map(error => error.status))];
  const described = statuses.map(status => {
    const same = errors.filter(error => error.status === status);
    const examples = Object.fromEntries(same.map(error => [error.code, { value: problemBody(error) }]));
    const content = { 'application/problem+json': { schema: problemSchema, examples } };
    return [status, { description: same.map(({ message }) => message).join(' '), content }];
  });
  return Object.fromEntries(described) as object;
}

/** An object whose fields may be missing, but never undefined. */
type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the fields that are undefined, which mean the same as missing ones. */
export function definedOf<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
