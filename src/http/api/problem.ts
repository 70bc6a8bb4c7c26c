/** Refusals of the administration's routes, as RFC 9457 wants them. */

import { z } from '@hono/zod-openapi';
import { HTTPException } from 'hono/http-exception';
import { ERROR_CODES, SluiceError } from '../../shared/errors.ts';

/** One field that is wrong. */
export interface FieldProblem {
  /** Where it is: `body.name`, `query.limit`. */
  field: string;
  message: string;
}

/** A request whose fields are wrong, with all of them. */
export class InvalidRequest extends SluiceError {
  readonly errors: readonly FieldProblem[];

  constructor(errors: readonly FieldProblem[]) {
    super('request_invalid', 'The request has fields that are missing, wrong or unknown.');
    this.errors = errors;
  }
}

/** A refusal as it is sent. */
export const problemSchema = z
  .object({
    type: z.string().openapi({ description: 'Where this kind of refusal is explained, relative to the gateway.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(ERROR_CODES as [string, ...string[]]).openapi({ description: 'Never used again for something else.' }),
    errors: z
      .array(z.object({ field: z.string(), message: z.string() }))
      .optional()
      .openapi({ description: 'Every field that is wrong, where it is about fields.' }),
  })
  .openapi('Problem', { description: 'A refusal (RFC 9457).' });

/** A refusal as it is sent. */
export type ProblemBody = z.infer<typeof problemSchema>;

/** What the framework throws about requests that it can't read, as coded errors. */
export function codedError(thrown: unknown): SluiceError {
  if (!(thrown instanceof HTTPException)) return SluiceError.from(thrown);
  switch (thrown.status) {
    case 400:
      return new SluiceError('request_malformed', 'The body of the request is no JSON.', { cause: thrown });
    case 415:
      return new SluiceError('request_unsupported', 'The body must be application/json.', { cause: thrown });
    default:
      return SluiceError.from(thrown);
  }
}

/** The body of a refusal. */
export function problemBody(error: SluiceError): ProblemBody {
  const words = error.code.replaceAll('_', ' ');
  return {
    type: `/api/docs#${error.code}`,
    title: words.charAt(0).toUpperCase() + words.slice(1),
    status: error.status,
    detail: error.message,
    code: error.code,
    ...(error instanceof InvalidRequest && { errors: [...error.errors] }),
  };
}
