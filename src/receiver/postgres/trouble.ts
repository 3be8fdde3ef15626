import { codeOf, Exit, messageOf, OperatorError } from '../../base/errors.ts'

interface Cause {
  /** SQLSTATE codes, or codes of Node.js. */
  readonly codes: readonly string[]
  readonly what: string
  readonly remedy: string
}

const CAUSES: readonly Cause[] = [
  {
    codes: ['28P01', '28000'],
    what: 'refuses the user or the password',
    remedy: 'set `sink` and `postgres.password` (or `postgres.password_file`), and look at pg_hba.conf',
  },
  {
    codes: ['3D000'],
    what: 'has no such database',
    remedy: 'make it with CREATE DATABASE, or name another one in `sink`',
  },
  {
    codes: ['42501'],
    what: 'does not allow what the receiver needs',
    remedy: 'grant the rights that docs/postgresql.md lists',
  },
  {
    codes: ['25006', '0A000'], // 0A000: a transaction that writes, asked of a standby
    what: 'takes no writes: it is a standby',
    remedy: 'name the primary in `sink`, or an address that always leads to it',
  },
  { codes: ['53100'], what: 'has no room on its disk', remedy: 'make room; everything comes again by itself' },
  { codes: ['53300'], what: 'has no connection left', remedy: 'raise its max_connections' },
  {
    codes: ['57014', '55P03'],
    what: 'was too slow',
    remedy: 'look at its load and at locks that are held, or raise `postgres.statementTimeoutMs`',
  },
  {
    codes: [
      'ECONNREFUSED',
      'ENOTFOUND',
      'EAI_AGAIN',
      'EHOSTUNREACH',
      'ENETUNREACH',
      'ETIMEDOUT',
      'ENOENT',
      '57P03',
      '57P01',
    ],
    what: 'is not reached',
    remedy: 'is it up, and is the address in `sink` right? The receiver tries again by itself',
  },
]

/** What failed, for people, with where it failed. The URL's password is not told. */
export function troubleAt(url: string, failure: unknown): OperatorError {
  if (failure instanceof OperatorError) return failure
  const code = codeOf(failure) ?? codeOf(failure instanceof AggregateError ? failure.errors[0] : undefined)
  const cause = CAUSES.find(({ codes }) => code !== undefined && codes.includes(code))
  const reason = messageOf(failure) || code || 'it ended without a reason'
  return new OperatorError(`PostgreSQL at ${placeOf(url)} ${cause?.what ?? 'failed'}: ${reason}`, {
    remedy: cause?.remedy ?? 'look at the log of PostgreSQL; the receiver tries again by itself',
    exitCode: Exit.UNAVAILABLE,
    cause: failure,
  })
}

/** Host, port and database, without who connects. */
export function placeOf(url: string): string {
  const { host, pathname, searchParams } = new URL(url)
  return `${host || (searchParams.get('host') ?? 'localhost')}${pathname}`
}
