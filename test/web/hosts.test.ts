import { hostname } from 'node:os'
import { describe, expect, it } from 'vitest'
import { namesThisServer } from '../../src/web/hosts.ts'

describe('the host of a request', () => {
  it.each([
    ['127.0.0.1:8080', 'localhost', '[::1]:8080', '10.1.2.3', 'LOCALHOST:1'],
    [hostname(), `${hostname()}.:8080`, 'edge.plant.example', 'Edge.Plant.Example.'],
  ])('is this server: %s, %s', (...headers) => {
    for (const header of headers) expect(namesThisServer(header, ['edge.plant.example']), header).toBe(true)
    expect(namesThisServer(undefined, [])).toBe(true)
  })

  it('is not this server under a name that anyone can register', () => {
    const foreign = ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '127.0.0.1@evil.example', '']
    for (const header of [...foreign, '[evil.example]:80', 'x127.0.0.1']) {
      expect(namesThisServer(header, ['edge.plant.example']), header).toBe(false)
    }
  })
})
