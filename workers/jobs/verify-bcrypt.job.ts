/** Checks a password against a bcrypt hash: a third of a second of pure computing, which no thread with viewers has. */
import { compare } from 'bcryptjs';

/** What is checked. */
export interface VerifyBcryptRequest {
  password: string;
  hash: string;
}

/** Whether the password is the one that was hashed. */
export default function verifyBcrypt({ request }: { request: VerifyBcryptRequest }): Promise<boolean> {
  return compare(request.password, request.hash);
}
