import type { z } from 'zod';
import { duration, flag, path, proxy, rate, text, url } from './scalars.ts';
import { listOf, section } from './section.ts';

const credentialsSchema = section('a map with username and password, or with exec', {
  username: text.prefault('').describe('The user. User and password both empty mean anonymous, whatever is stored.'),
  password: text.prefault('').describe('The password or access token; better a variable than the thing itself.'),
  passwordFile: text
    .meta({ title: 'path' })
    .optional()
    .describe('A file whose content is the password; the line end after it is dropped.'),
  exec: listOf('words, a command and its arguments', text)
    .optional()
    .describe(
      'A command that gives the login, run without a shell: a credential helper of docker, or beside a username any command that prints the password.',
    ),
  lifetime: duration
    .optional()
    .describe(
      'How long a login from exec serves before the command is run again, by default 6h; 0s runs it each time.',
    ),
});

/** What every registry that is spoken to may be given. */
export const endpointShape = {
  credentials: credentialsSchema
    .optional()
    .describe('The login. Without one, what `wharf login`, docker or skopeo stored for the registry is used.'),
  realms: listOf('URLs', url).prefault([]).describe('Further token servers that may see these credentials.'),
  ca: path.optional().describe("A PEM file with the certificates to trust, besides the system's."),
  insecure: flag.prefault(false).describe('Do not check the certificate.'),
  clientCertificate: section('a map with certificate and key', {
    certificate: path.describe('A PEM file: the certificate, and those that lead to its authority.'),
    key: path.describe('A PEM file: its key, without a passphrase.'),
  })
    .optional()
    .describe('What is shown to a registry that asks for a certificate.'),
  proxy: proxy
    .optional()
    .describe('The proxy to go through (http, https or socks5), or direct. Without it the environment decides.'),
  rate: rate.optional().describe('At most so many requests. Docker Hub and ECR Public have one built in.'),
};

export type EndpointInput = z.output<z.ZodObject<typeof endpointShape>>;
