import { resolve } from 'node:path'
import { z } from 'zod'
import { systemClock } from '../../base/clock.ts'
import { readTlsFiles } from '../../base/tls-files.ts'
import { isMapping, type Path } from '../outline.ts'
import type { Problem } from '../problem.ts'
import { inAnyCase } from './fields.ts'

const file = z.string().min(1).optional()

/** How the link to the cloud broker is secured. */
export const tls = z
  .strictObject({
    ca: file.describe(
      'PEM file of the certificate authorities that are trusted to sign the certificate of the broker; default: ' +
        'those of Node.js',
    ),
    cert: file.describe('PEM file of the client certificate, followed by any intermediate certificates'),
    key: file.describe('PEM file of the private key of `cert`'),
    keyPassphrase: z.string().optional().meta({ description: 'Passphrase of `key`', writeOnly: true }),
    alpn: z
      .array(z.string().min(1).max(255))
      .min(1)
      .max(8)
      .optional()
      .describe('Protocols offered in the handshake (ALPN); some clouds require it on port 443'),
    serverName: z
      .string()
      .min(1)
      .max(253)
      .optional()
      .describe(
        'Server name sent in the handshake (SNI) and expected in the certificate, instead of the host in `url`',
      ),
    insecure: z
      .boolean()
      .default(false)
      .describe('true: the certificate of the broker is not verified. For tests only; every connection logs a warning'),
  })
  .refine(({ cert, key }) => cert === undefined || key !== undefined, {
    path: ['key'],
    error: 'is missing: a certificate needs its private key',
    ...inAnyCase,
  })
  .refine(({ cert, key }) => key === undefined || cert !== undefined, {
    path: ['cert'],
    error: 'is missing: a private key needs its certificate',
    ...inAnyCase,
  })
  .optional()

/** Whether a URL uses TLS. The schema reports text that is not a URL. */
export function speaksTls(url: unknown): boolean {
  return /^(mqtts|wss):/i.test(String(url))
}

/** `tls` with mqtt:// is a problem: the link would not be encrypted although the settings suggest it. */
export const tlsWanted = ({ url, tls }: { url?: unknown; tls?: unknown }): boolean =>
  tls === undefined || url === undefined || speaksTls(url)
export const tlsProblem = {
  path: ['tls'],
  error: 'has no effect with this `url`: write mqtts:// (port 8883) or wss:// (port 443)',
  ...inAnyCase,
}

const FILES = ['ca', 'cert', 'key'] as const

/**
 * The `tls` of one link with absolute file paths, and what is wrong with those files. Values that the schema refuses
 * are left as they are.
 * @param path place of `value` in the settings
 */
export function withTlsFiles(
  value: unknown,
  { path, folder }: { path: Path; folder: string },
): { readonly value: unknown; readonly problems: readonly Problem[] } {
  if (!isMapping(value)) return { value, problems: [] }
  const given = FILES.flatMap((key) => {
    const name = value[key]
    return typeof name === 'string' && name !== '' ? [[key, resolve(folder, name)] as const] : []
  })
  const files = Object.fromEntries(given)
  const { keyPassphrase } = value
  const passphrase = typeof keyPassphrase === 'string' ? { keyPassphrase } : {}
  const { problems } = readTlsFiles({ ...files, ...passphrase }, systemClock.now())
  return {
    value: { ...value, ...files },
    problems: problems.map(({ setting, text }) => ({ path: [...path, setting], text })),
  }
}
