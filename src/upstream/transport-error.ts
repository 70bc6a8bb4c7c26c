import { SluiceError } from '../shared/errors.ts';

const CERTIFICATE =
  /^(CERT_|ERR_TLS_CERT|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED)|SELF_SIGNED|UNTRUSTED/;
const PROTOCOL = /^(HPE_|EPROTO|ERR_SSL_|UND_ERR_(HEADERS_OVERFLOW|INFO|RES))/;

/**
 * The coded form of what a connection failed with; messages say nothing about addresses, because viewers read them.
 * @param opened whether the body had begun
 */
export function transportError(error: unknown, opened: boolean): unknown {
  if (error instanceof SluiceError) return error;
  const { code, name } = error as { code?: string; name?: string };
  // A connection that ends within a chunk is one of these, too.
  if (name === 'HTTPParserError')
    return opened
      ? new SluiceError('source_ended', 'The source cut the stream off within a chunk.', { cause: error })
      : new SluiceError('source_bad_answer', 'The source does not speak HTTP.', { cause: error });
  if (code === undefined) return error; // Not from the network: a mistake of ours, which should stay visible as one.
  const because = { cause: error };
  if (opened) return new SluiceError('source_ended', `The source cut the stream off (${code}).`, because);
  if (CERTIFICATE.test(code))
    return new SluiceError('source_untrusted', `The source's certificate can't be trusted (${code}).`, because);
  if (PROTOCOL.test(code))
    return new SluiceError('source_bad_answer', `The source does not speak HTTP as expected (${code}).`, because);
  return new SluiceError('source_unavailable', `The source cannot be reached (${code}).`, because);
}
