import type { SluiceError } from '../../src/shared/errors.ts';

function head(statusLine: string, headers: Record<string, string>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${statusLine}\r\n${lines.join('')}\r\n`;
}

const COMMON = { 'Cache-Control': 'no-store', 'Access-Control-Allow-Origin': '*', Connection: 'close' };

/** Head of an endless answer: the connection's close is its end, so that every reader gets the same bytes. */
export function liveHead(contentType: string): Buffer {
  return Buffer.from(
    head('200 OK', {
      'Content-Type': contentType,
      'Accept-Ranges': 'none',
      'X-Content-Type-Options': 'nosniff',
      ...COMMON,
    }),
  );
}

const REASON_PHRASES: Readonly<Record<number, string>> = {
  403: 'Forbidden',
  404: 'Not Found',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** A whole answer for a viewer whose stream did not start. */
export function errorResponse(error: SluiceError): Buffer {
  const body = `${JSON.stringify(error.toBody())}\n`;
  const headers: Record<string, string> = {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    ...COMMON,
  };
  if (error.retryAfterSeconds > 0) headers['Retry-After'] = String(error.retryAfterSeconds);
  return Buffer.from(head(`${error.status} ${REASON_PHRASES[error.status] ?? 'Error'}`, headers) + body);
}
