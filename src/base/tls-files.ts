import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { Stats } from 'node:fs'
import { codeOf, messageOf } from './errors.ts'
import { othersMayUse } from './files/private-files.ts'
import { readRegularFile } from './files/regular-file.ts'

/** TLS settings of a link; files with their full paths. */
export interface TlsSettings {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly keyPassphrase?: string | undefined
  readonly alpn?: readonly string[] | undefined
  readonly serverName?: string | undefined
  readonly insecure?: boolean | undefined
}

/** Content of the files at one moment: they may be replaced while Tidegate runs. */
export interface TlsFiles {
  readonly ca?: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
  /** Why the files cannot be used, each alone or together. */
  readonly problems: readonly TlsProblem[]
  /** What a person should fix before it becomes a problem. */
  readonly warnings: readonly string[]
}

export interface TlsProblem {
  readonly setting: 'ca' | 'cert' | 'key' | 'keyPassphrase'
  readonly text: string
}

/** A larger file is refused as a mistake: the authorities of a Linux system take a quarter of this. */
const PEM_BYTES_MAX = 1_048_576
/** A certificate that expires within this time causes a warning. */
const EXPIRY_WARNING_DAYS = 14
const DAY_MS = 86_400_000
const CERTIFICATE =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m
const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/

/**
 * Reads the files in the settings, and checks each alone and against each other. Never throws.
 * @param now UTC ms
 */
export function readTlsFiles(
  settings: Pick<TlsSettings, 'ca' | 'cert' | 'key' | 'keyPassphrase'>,
  now: number,
): TlsFiles {
  const reading = new Reading(now)
  const ca = reading.certificates('ca', settings.ca)
  const cert = reading.certificates('cert', settings.cert)
  const key = reading.privateKey(settings.key, settings.keyPassphrase)
  const own = cert?.chain[0]
  if (own !== undefined && key !== undefined && !own.checkPrivateKey(key.object)) {
    reading.problem('key', `${settings.key} is not the private key of the certificate in ${settings.cert}`)
  }
  return {
    ...(ca !== undefined && { ca: ca.bytes }),
    ...(cert !== undefined && { cert: cert.bytes }),
    ...(key !== undefined && { key: key.bytes }),
    problems: reading.problems,
    warnings: reading.warnings,
  }
}

class Reading {
  readonly problems: TlsProblem[] = []
  readonly warnings: string[] = []
  readonly #now: number

  constructor(now: number) {
    this.#now = now
  }

  problem(setting: TlsProblem['setting'], text: string): undefined {
    this.problems.push({ setting, text })
    return undefined
  }

  certificates(
    setting: 'ca' | 'cert',
    file: string | undefined,
  ): { bytes: Buffer; chain: readonly X509Certificate[] } | undefined {
    const bytes = this.#read(setting, file)?.bytes
    if (file === undefined || bytes === undefined) return undefined
    const blocks = bytes.toString('latin1').match(CERTIFICATE) ?? []
    if (blocks.length === 0) return this.problem(setting, `${file} holds no certificate in PEM form${otherForm(bytes)}`)
    try {
      const chain = blocks.map((block) => new X509Certificate(block))
      for (const [index, one] of chain.entries()) {
        // Among many authorities some are always expired; only if the file has a single one does the link depend on it.
        if (setting === 'cert' ? index === 0 : chain.length === 1) this.#validity(file, one)
      }
      return { bytes, chain }
    } catch (refusal) {
      return this.problem(setting, `${file} holds a certificate that cannot be read: ${messageOf(refusal)}`)
    }
  }

  privateKey(
    file: string | undefined,
    passphrase: string | undefined,
  ): { bytes: Buffer; object: KeyObject } | undefined {
    const read = this.#read('key', file)
    if (file === undefined || read === undefined) return undefined
    const { bytes, stats } = read
    if (!PRIVATE_KEY.test(bytes.toString('latin1'))) {
      return this.problem('key', `${file} holds no private key in PEM form${otherForm(bytes)}`)
    }
    if (othersMayUse(stats)) {
      this.warnings.push(`every user of this machine can read the private key ${file}: run \`chmod 600\` on it`)
    }
    if (passphrase === undefined && ENCRYPTED.test(bytes.toString('latin1'))) {
      return this.problem('key', `${file} is encrypted: set its passphrase with \`keyPassphrase_file\``)
    }
    try {
      return { bytes, object: createPrivateKey({ key: bytes, ...(passphrase !== undefined && { passphrase }) }) }
    } catch (refusal) {
      if (passphrase !== undefined && /decrypt/i.test(`${codeOf(refusal)} ${messageOf(refusal)}`)) {
        return this.problem('keyPassphrase', `is not the passphrase of ${file}`)
      }
      return this.problem('key', `${file} holds a private key that cannot be read: ${messageOf(refusal)}`)
    }
  }

  #read(setting: 'ca' | 'cert' | 'key', file: string | undefined): { bytes: Buffer; stats: Stats } | undefined {
    if (file === undefined) return undefined
    try {
      return readRegularFile(file, PEM_BYTES_MAX)
    } catch (trouble) {
      return this.problem(setting, `cannot read ${file}: ${messageOf(trouble)}`)
    }
  }

  #validity(file: string, { validFrom, validTo }: X509Certificate): void {
    const leftMs = Date.parse(validTo) - this.#now
    if (Date.parse(validFrom) > this.#now) {
      this.warnings.push(`the certificate ${file} is not valid before ${validFrom}: check the clock of this machine`)
    } else if (leftMs <= 0) this.warnings.push(`the certificate ${file} expired on ${validTo}: replace it`)
    else if (leftMs < EXPIRY_WARNING_DAYS * DAY_MS) {
      this.warnings.push(`the certificate ${file} expires on ${validTo}: replace it before then`)
    }
  }
}

/** DER and PKCS #12 begin with a SEQUENCE. */
function otherForm(bytes: Buffer): string {
  if (bytes.length === 0) return ': it is empty'
  return bytes[0] === 0x30 ? ': it is DER or PKCS #12; convert it with `openssl x509`, `pkey` or `pkcs12`' : ''
}
