import { connect } from 'node:tls'
import { systemClock } from '../base/clock.ts'
import { codeOf, messageOf } from '../base/errors.ts'
import { shownUrl } from '../base/text/shown-url.ts'
import { readTlsFiles, type TlsSettings } from '../base/tls-files.ts'
import { LinkError, type LinkOptions } from './link.ts'

/** Options that MQTT.js passes to node:tls, for mqtts:// and wss://. */
export interface TlsOptions {
  readonly ca?: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
  readonly passphrase?: string
  readonly ALPNProtocols?: string[]
  readonly servername?: string
  readonly rejectUnauthorized: boolean
}

/** TLS options of one connection, with warnings for the log. */
export interface Secured {
  readonly options: TlsOptions
  readonly warnings: readonly string[]
}

const SECURE = /^(mqtts|wss):/i

export function isSecure(url: string): boolean {
  return SECURE.test(url)
}

/**
 * Reads certificates and key from their files: they may have been replaced since the last connection.
 * @returns undefined for mqtt:// and ws://
 * @throws LinkError 'tls' when one of them is missing or unusable
 */
export function secure({ url, tls = {} }: LinkOptions): Secured | undefined {
  if (!isSecure(url)) return undefined
  const { ca, cert, key, problems, warnings } = readTlsFiles(tls, systemClock.now())
  if (problems.length > 0) {
    throw new LinkError('tls', `cannot connect to ${shownUrl(url)}: ${problems.map(({ text }) => text).join('; ')}`)
  }
  const insecure = tls.insecure === true ? [`the broker at ${shownUrl(url)} is not verified: tls.insecure is set`] : []
  return { options: { ...nodeOptions(tls), ...ifGiven({ ca, cert, key }) }, warnings: [...insecure, ...warnings] }
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
  'its certificate is signed by an unknown authority; if it is the right broker, set `tls.ca` to the certificate of that authority'

/** Error codes of OpenSSL for the broker's certificate. */
const VERIFY: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'its certificate is self-signed and unknown; if it is the right broker, set `tls.ca` to that certificate',
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  CERT_UNTRUSTED: UNKNOWN_AUTHORITY,
  CERT_HAS_EXPIRED: 'its certificate has expired, or the clock of this machine is wrong',
  CERT_NOT_YET_VALID: 'its certificate is not yet valid, or the clock of this machine is wrong',
  CERT_REVOKED: 'its certificate has been revoked',
}

/** Alerts with which the broker ends a handshake (RFC 8446, 6.2) and that a person can act on. */
const ALERTS: Readonly<Record<string, string>> = {
  CERTIFICATE_REQUIRED: 'it requires a client certificate: set `tls.cert` and `tls.key`',
  HANDSHAKE_FAILURE: 'no common cipher, or it requires a client certificate (`tls.cert`, `tls.key`)',
  UNKNOWN_CA: 'it does not know the authority that signed our client certificate (`tls.cert`)',
  BAD_CERTIFICATE: 'it refuses our client certificate (`tls.cert`)',
  CERTIFICATE_UNKNOWN: 'it refuses our client certificate (`tls.cert`)',
  UNSUPPORTED_CERTIFICATE: 'it does not support client certificates of this kind (`tls.cert`)',
  DECRYPT_ERROR: 'it refuses our client certificate (`tls.cert`): its authority did not sign it',
  ACCESS_DENIED: 'it refuses our client certificate (`tls.cert`)',
  CERTIFICATE_EXPIRED: 'our client certificate (`tls.cert`) has expired',
  CERTIFICATE_REVOKED: 'our client certificate (`tls.cert`) has been revoked',
  NO_APPLICATION_PROTOCOL: 'it supports none of the protocols in `tls.alpn`',
  UNRECOGNIZED_NAME: 'it does not know the requested server name (`url`, or `tls.serverName`)',
  PROTOCOL_VERSION: 'it does not support TLS 1.2 or later',
}

const NO_TLS = 'it does not speak TLS on this port; MQTT over TLS is usually on port 8883, WebSocket over TLS on 443'

/** Why a TLS connection failed, as text with what to do; undefined when the cause is not TLS. */
export function tlsTrouble(cause: unknown): string | undefined {
  const code = codeOf(cause) ?? ''
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `its certificate is for another name (${messageOf(cause)}); correct \`url\`, or set \`tls.serverName\``
  }
  if (Object.hasOwn(VERIFY, code)) return VERIFY[code]
  if (/before secure TLS connection/.test(messageOf(cause)))
    return `it closed the connection during the handshake: ${NO_TLS}`
  // The reason is in the code of a read error, and in the message of a write error (EPROTO).
  const reason = `${code} ${messageOf(cause)}`.toUpperCase().replaceAll(' ', '_')
  const alert = Object.entries(ALERTS).find(([name]) => reason.includes(`ALERT_${name}`))
  if (alert !== undefined) return alert[1]
  if (!/^(ERR_(SSL|TLS|OSSL)|EPROTO$|CERT_)/.test(code)) return undefined
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/.test(reason)) return NO_TLS
  return `the handshake failed: ${messageOf(cause)} (${code})`
}

/** Time limit of `speaksTls` (ms). */
const HANDSHAKE_MS = 2_500

/** Whether the server at this address speaks TLS, whatever certificates it has or requires. Never rejects. */
export function speaksTls({ host, port, signal }: TlsAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, rejectUnauthorized: false })
    const end = (speaks: boolean): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      socket.destroy()
      resolve(speaks)
    }
    const abort = (): void => end(false)
    const timer = setTimeout(abort, HANDSHAKE_MS)
    signal?.addEventListener('abort', abort, { once: true })
    socket.on('secureConnect', () => end(true))
    // An alert is an answer in TLS: the server requires a client certificate, or a newer version.
    socket.on('error', (cause) => end(/ALERT/.test(`${codeOf(cause)}`)))
  })
}

export interface TlsAddress {
  readonly host: string
  readonly port: number
  readonly signal?: AbortSignal | undefined
}
