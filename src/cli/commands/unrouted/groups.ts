import { topicPattern } from '../../../base/text/topic-pattern.ts'
import type { UnroutedHead } from '../../../store/reader.ts'

/** Groups that are formed at most; messages of further patterns are counted in one group. */
const GROUPS_MAX = 10_000

/** Kept messages whose topics differ only in numbers and ids. */
export interface Group {
  /** A topic filter that covers them. */
  readonly pattern: string
  messages: number
  /** Of their payloads. */
  bytes: number
  /** Arrival of the first one (UTC ms). */
  readonly firstAt: number
  /** The last one. */
  last: UnroutedHead
}

/** Groups messages, which are in order of arrival. @returns the groups, the one with most messages first */
export function groupsOf(heads: Iterable<UnroutedHead>, isWanted: (topic: string) => boolean): Group[] {
  const groups = new Map<string, Group>()
  for (const head of heads) {
    if (!isWanted(head.topic)) continue
    const own = topicPattern(head.topic)
    const pattern = groups.has(own) || groups.size < GROUPS_MAX ? own : '#'
    let group = groups.get(pattern)
    if (group === undefined) {
      group = { pattern, messages: 0, bytes: 0, firstAt: head.receivedAt, last: head }
      groups.set(pattern, group)
    }
    group.messages++
    group.bytes += head.payloadBytes
    group.last = head
  }
  return [...groups.values()].sort((a, b) => b.messages - a.messages)
}
