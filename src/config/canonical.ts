import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { Json } from './json.ts'

/** The one text of a value: JSON Canonicalization Scheme (RFC 8785). Throws for lone surrogates and numbers not finite. */
export function canonical(value: Json): string {
  return canonicalize(value) as string
}

/** Names a content: base64url(sha256(JCS(value))). */
export function hashOf(value: Json): string {
  return createHash('sha256').update(canonical(value)).digest('base64url')
}
