import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { Json } from './json.ts'

/**
 * JSON Canonicalization Scheme (RFC 8785): equal values have equal texts.
 * @throws for lone surrogates and NaN or infinity
 */
export function canonical(value: Json): string {
  return canonicalize(value) as string
}

/** The hash that identifies a content: base64url(sha256(JCS(value))), without padding. */
export function hashOf(value: Json): string {
  return createHash('sha256').update(canonical(value)).digest('base64url')
}
