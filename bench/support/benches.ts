import { type Peer, peers } from '../../support/peers.ts'

interface Bench {
  readonly question: string
  /** Programs without which the bench cannot run. */
  readonly needs: readonly Peer[]
}

/** Every bench by its name, which is also that of its script. */
export const BENCHES: Readonly<Record<string, Bench>> = {
  ingest: {
    question:
      'How many readings per second are acknowledged, each on disk, compared with Mosquitto, which stores nothing?',
    needs: [],
  },
  wire: {
    question: 'How many bytes does a reading cost between site and cloud, compared with a Mosquitto bridge?',
    needs: ['mosquitto'],
  },
  drain: {
    question: 'How fast does a backlog drain when the cloud is back, compared with a Mosquitto bridge?',
    needs: ['mosquitto'],
  },
  store: {
    question: 'What does a reading cost on the disk, written and kept, compared with two tables and RocksDB?',
    needs: [],
  },
  postgres: {
    question: 'How fast are batches stored in PostgreSQL, compared with INSERT … ON CONFLICT?',
    needs: ['postgres'],
  },
  configs: {
    question: 'How long does an edge with thousands of configs take to be quiet after a cold start?',
    needs: ['mosquitto'],
  },
  outage: {
    question: 'How soon do readings arrive when the cloud is back, compared with a Mosquitto bridge?',
    needs: ['mosquitto'],
  },
  history: {
    question: 'How fast is history read, compared with a table with an index and DuckDB?',
    needs: [],
  },
}

/** Programs that the bench needs and that are not installed. */
export function missingPeers({ needs }: Bench): Peer[] {
  return needs.filter((peer) => peers[peer] === undefined)
}
