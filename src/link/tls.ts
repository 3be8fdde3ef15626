import { systemClock } from '../base/clock.ts'
import { codeOf, messageOf } from '../base/errors.ts'
import { readTlsFiles, type TlsSettings } from '../base/tls-files.ts'
import { LinkError, type LinkOptions } from './link.ts'

/** What MQTT.js hands to node:tls, for mqtts:// and wss:// alike. */
export interface TlsOptions {
  readonly ca?: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
  readonly passphrase?: string
  readonly ALPNProtocols?: string[]
  readonly servername?: string
  readonly rejectUnauthorized: boolean
}

/** How one connection is secured, and what a person should know of it. */
export interface Secured {
  readonly options: TlsOptions
  readonly warnings: readonly string[]
}

const SECURE = /^(mqtts|wss):/i

/**
 * Reads certificates and key as they are now: they may have been replaced since the last connection.
 * @returns undefined for mqtt:// and ws://
 * @throws LinkError 'tls' when one of them is missing or unusable
 */
export function secure({ url, tls = {} }: LinkOptions): Secured | undefined {
  if (!SECURE.test(url)) return undefined
  const { ca, cert, key, problems, warnings } = readTlsFiles(tls, systemClock.now())
  if (problems.length > 0) {
    throw new LinkError('tls', `cannot connect to ${url}: ${problems.map(({ text }) => text).join('; ')}`)
  }
  const blind = tls.insecure === true ? [`whoever answers at ${url} is believed to be the broker: tls.insecure`] : []
  return { options: { ...nodeOptions(tls), ...ifGiven({ ca, cert, key }) }, warnings: [...blind, ...warnings] }
}

function nodeOptions({ keyPassphrase: passphrase, alpn, serverName: servername, insecure }: TlsSettings): TlsOptions {
  const ALPNProtocols = alpn && [...alpn]
  return { ...ifGiven({ passphrase, ALPNProtocols, servername }), rejectUnauthorized: insecure !== true }
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

function ifGiven<T extends object>(values: T): Given<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<T>
}

const UNKNOWN_AUTHORITY =
  'its certificate is signed by an authority that is not known here; if it is the right broker, give the certificate of that authority as `tls.ca`'

/** What OpenSSL finds wrong with the broker's certificate. */
const VERIFY: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'its certificate is signed by itself and not known here; if it is the right broker, give that certificate as `tls.ca`',
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  CERT_UNTRUSTED: UNKNOWN_AUTHORITY,
  CERT_HAS_EXPIRED: 'its certificate has expired, or the clock of this machine is wrong',
  CERT_NOT_YET_VALID: 'its certificate is not yet valid, or the clock of this machine is wrong',
  CERT_REVOKED: 'its certificate has been revoked',
}

/** Alerts with which the broker ends a handshake (RFC 8446, 6.2), as far as a person can do something about them. */
const ALERTS: Readonly<Record<string, string>> = {
  CERTIFICATE_REQUIRED: 'it wants a client certificate: give `tls.cert` and `tls.key`',
  HANDSHAKE_FAILURE: 'it agrees to no cipher of ours, or wants a client certificate (`tls.cert`, `tls.key`)',
  UNKNOWN_CA: 'it does not know the authority that signed our client certificate (`tls.cert`)',
  BAD_CERTIFICATE: 'it refuses our client certificate (`tls.cert`)',
  CERTIFICATE_UNKNOWN: 'it refuses our client certificate (`tls.cert`)',
  UNSUPPORTED_CERTIFICATE: 'it takes no client certificates of this kind (`tls.cert`)',
  DECRYPT_ERROR: 'it refuses our client certificate (`tls.cert`): its authority did not sign it',
  ACCESS_DENIED: 'it refuses our client certificate (`tls.cert`)',
  CERTIFICATE_EXPIRED: 'our client certificate (`tls.cert`) has expired',
  CERTIFICATE_REVOKED: 'our client certificate (`tls.cert`) has been revoked',
  NO_APPLICATION_PROTOCOL: 'it speaks none of the protocols in `tls.alpn`',
  UNRECOGNIZED_NAME: 'it does not know the name that it was asked for (`url`, or `tls.serverName`)',
  PROTOCOL_VERSION: 'it speaks no TLS version from 1.2 on',
}

const NO_TLS = 'it does not speak TLS on this port; MQTT over TLS is usually on port 8883, WebSocket over TLS on 443'

/** What keeps a TLS connection from being made, in words, or undefined where it is something else. */
export function tlsTrouble(cause: unknown): string | undefined {
  const code = codeOf(cause) ?? ''
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `its certificate is for another name (${messageOf(cause)}); give the right one in \`url\`, or as \`tls.serverName\``
  }
  if (Object.hasOwn(VERIFY, code)) return VERIFY[code]
  if (/before secure TLS connection/.test(messageOf(cause)))
    return `it closed the connection in the handshake: ${NO_TLS}`
  // The reason stands in the code of a read error, and in the message of a write error (EPROTO).
  const reason = `${code} ${messageOf(cause)}`.toUpperCase().replaceAll(' ', '_')
  const alert = Object.entries(ALERTS).find(([name]) => reason.includes(`ALERT_${name}`))
  if (alert !== undefined) return alert[1]
  if (!/^(ERR_(SSL|TLS|OSSL)|EPROTO$|CERT_)/.test(code)) return undefined
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/.test(reason)) return NO_TLS
  return `the handshake failed: ${messageOf(cause)} (${code})`
}
