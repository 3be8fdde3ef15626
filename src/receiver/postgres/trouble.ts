import { codeOf, Exit, messageOf, OperatorError } from '../../base/errors.ts'
import { oneLine } from '../../base/text/one-line.ts'
import { parsePostgresUrl } from '../../base/text/postgres-url.ts'
import { shownPath } from '../../base/text/shown-url.ts'

const PLACE_CHARS_MAX = 300

interface Cause {
  /** SQLSTATE codes, or codes of Node.js. */
  readonly codes: readonly string[]
  /** In a message without a code. */
  readonly says?: RegExp
  readonly what: string
  readonly remedy: string
}

const CAUSES: readonly Cause[] = [
  {
    codes: [],
    says: /client password must be/,
    what: 'asks for a password, and none is set',
    remedy: 'set `postgres.password_file` to a file with the password, or `postgres.password`',
  },
  {
    codes: ['28P01', '28000'],
    what: 'refuses the user or the password',
    remedy:
      'check the user in `sink`, the password in `postgres.password_file` (or `postgres.password`), and pg_hba.conf',
  },
  {
    codes: ['3D000'],
    what: 'has no such database',
    remedy: 'create it with CREATE DATABASE, or set another one in `sink`',
  },
  {
    codes: ['42501'],
    what: 'denies a right that the receiver needs',
    remedy:
      'create the schema for this role, CREATE SCHEMA … AUTHORIZATION …, or grant the rights (docs/postgresql.md, Roles)',
  },
  {
    codes: ['25006', '0A000'], // 0A000: a standby was asked for a transaction that writes
    what: 'accepts no writes: it is a standby',
    remedy: 'set the primary in `sink`, or an address that always leads to it',
  },
  { codes: ['53100'], what: 'has a full disk', remedy: 'free disk space; the receiver recovers by itself' },
  { codes: ['53300'], what: 'has no connection left', remedy: 'raise its max_connections' },
  {
    codes: ['57014', '55P03'],
    what: 'was too slow',
    remedy: 'check its load and its locks, or raise `postgres.statementTimeoutMs`',
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
    what: 'cannot be reached',
    remedy: 'check that it runs and that the address in `sink` is right; the receiver tries again by itself',
  },
]

/** An error for operators that names the database and a remedy. The URL's password is never shown. */
export function troubleAt(url: string, failure: unknown): OperatorError {
  if (failure instanceof OperatorError) return failure
  const code = codeOf(failure) ?? codeOf(failure instanceof AggregateError ? failure.errors[0] : undefined)
  const reason = messageOf(failure) || code || 'it gave no reason'
  const cause = CAUSES.find(({ codes, says }) => (code !== undefined && codes.includes(code)) || says?.test(reason))
  return new OperatorError(`PostgreSQL at ${placeOf(url)} ${cause?.what ?? 'failed'}: ${reason}`, {
    remedy: cause?.remedy ?? 'check the log of PostgreSQL; the receiver tries again by itself',
    exitCode: Exit.UNAVAILABLE,
    cause: failure,
  })
}

/** Host, port and database, without user and password. */
export function placeOf(url: string): string {
  const parsed = parsePostgresUrl(url)
  return oneLine(
    parsed === null ? 'an address that is not a URL' : `${parsed.host}${shownPath(parsed.url)}`,
    PLACE_CHARS_MAX,
  )
}
