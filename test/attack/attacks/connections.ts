import type { DeviceAttack } from '../attack.ts'

export const CONNECTIONS: readonly DeviceAttack[] = [
  {
    key: 'connects',
    title: 'connections with wills that are dropped at once, each client id used once',
    victim: 'edge',
    async run(field) {
      const will = { topic: 'telemetry/w/x', payload: Buffer.from('1'), qos: 1, retain: true }
      const clients = await field.crowd(async (n) => {
        const client = await field.connect(`c${n}${'x'.repeat(200)}`, { will })
        client?.destroy()
      })
      field.remark = `${clients} connections`
    },
  },
  {
    key: 'takeovers',
    title: 'two clients that take one client id from each other',
    victim: 'edge',
    async run(field) {
      let takeovers = 0
      const one = async (): Promise<void> => {
        while (!field.isOver) {
          const client = await field.connect('same', { clean: false })
          takeovers++
          await field.until(() => client === undefined || client.closed)
        }
      }
      await Promise.all([one(), one()])
      field.remark = `${takeovers} takeovers`
    },
  },
]
