import { execFileSync } from 'node:child_process'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from './folder.ts'
import { peers } from './peers.ts'

/** PEM files of a certificate and its private key. */
export interface Pair {
  readonly cert: string
  readonly key: string
}

export interface Wish {
  /** DNS names and IP addresses, as `DNS:broker.example` and `IP:127.0.0.1`. */
  readonly names?: readonly string[]
  /** Days of validity from now; negative: the certificate has expired. Default 30. */
  readonly days?: number
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** A certificate authority for a test, made by openssl, in a folder that is removed after the test file. */
export class Authority {
  readonly cert: string
  readonly #folder = tempFolder()
  readonly #key: string
  #issued = 0

  constructor(name: string) {
    this.cert = this.#file('ca.pem')
    this.#key = this.#file('ca.key')
    openssl('req', '-x509', ...NEW_KEY, '-keyout', this.#key, '-out', this.cert, '-subj', `/CN=${name}`, '-days', '30')
  }

  /** Issues a certificate for a server or a client with this common name. */
  issue(name: string, { names = [], days = 30 }: Wish = {}): Pair {
    const stem = `${++this.#issued}-${name}`
    const [cert, key, request] = [`${stem}.pem`, `${stem}.key`, `${stem}.csr`].map((file) => this.#file(file)) as [
      string,
      string,
      string,
    ]
    const alternatives = names.length === 0 ? [] : ['-addext', `subjectAltName=${names.join(',')}`]
    openssl('req', ...NEW_KEY, '-keyout', key, '-out', request, '-subj', `/CN=${name}`, ...alternatives)
    const by = ['-CA', this.cert, '-CAkey', this.#key, '-CAcreateserial', '-copy_extensions', 'copy']
    openssl('x509', '-req', '-in', request, ...by, '-days', String(days), '-out', cert)
    return { cert, key }
  }

  #file(name: string): string {
    return join(this.#folder, name)
  }
}

/** The same key, encrypted with a passphrase. */
export function encrypted({ cert, key }: Pair, passphrase: string): Pair {
  const locked = `${key}.locked`
  openssl('pkcs8', '-topk8', '-in', key, '-out', locked, '-passout', `pass:${passphrase}`)
  return { cert, key: locked }
}

/** Copies the certificate and key of one pair over those of another. */
export function replacePair(where: Pair, { cert, key }: Pair): void {
  copyFileSync(cert, where.cert)
  copyFileSync(key, where.key)
}

/** Writes the certificate in binary form (DER) to a file next to it. */
export function derOf(cert: string): string {
  writeFileSync(`${cert}.der`, '')
  openssl('x509', '-in', cert, '-outform', 'DER', '-out', `${cert}.der`)
  return `${cert}.der`
}

function openssl(...args: string[]): void {
  if (peers.openssl === undefined) throw new Error('openssl is not installed')
  execFileSync(peers.openssl, args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
