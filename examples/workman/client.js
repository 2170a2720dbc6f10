'use strict'
// A client: asks for jobs over one WebSocket and tells answers apart by their nonces.
//
//   node client.js names
//   node client.js run NAME ['{"a": 1}']
//   node client.js schedule WHEN NAME ['{"a": 1}']
//   node client.js unschedule ID
//
// The server is ws://localhost:9999/websocket, or what WORKMAN_URL says.

const WebSocket = require('ws')

class Client {
  constructor (address) {
    this.waiting = new Map()
    this.count = 0
    this.socket = new WebSocket(address)
    this.opened = new Promise((resolve, reject) => {
      this.socket.once('open', resolve)
      this.socket.once('error', reject)
    })
    this.socket.on('message', (data) => this.hear(JSON.parse(data.toString())))
    this.socket.on('close', () => this.end())
  }

  async ask (request) {
    await this.opened
    const nonce = ++this.count
    return new Promise((resolve, reject) => {
      this.waiting.set(nonce, { resolve, reject })
      this.socket.send(JSON.stringify({ ...request, nonce }))
    })
  }

  hear (answer) {
    const asked = this.waiting.get(answer.nonce)
    this.waiting.delete(answer.nonce)
    if (asked) asked.resolve(answer.result)
  }

  end () {
    for (const asked of this.waiting.values()) asked.reject(new Error('the connection ended'))
    this.waiting.clear()
  }

  names () { return this.ask({ action: 'GetTasks' }) }
  run (name, options) { return this.ask({ action: 'RunTask', name, options }) }
  schedule (when, name, options) { return this.ask({ action: 'ScheduleTask', when, name, options }) }
  unschedule (id) { return this.ask({ action: 'UnscheduleTask', id }) }
  close () { this.socket.close() }
}

async function main ([command, ...words]) {
  const client = new Client(process.env.WORKMAN_URL || 'ws://localhost:9999/websocket')
  const json = (text) => (text === undefined ? undefined : JSON.parse(text))
  const commands = {
    names: () => client.names(),
    run: () => client.run(words[0], json(words[1])),
    schedule: () => client.schedule(words[0], words[1], json(words[2])),
    unschedule: () => client.unschedule(words[0]),
  }
  if (!commands[command]) throw new Error(`expected one of ${Object.keys(commands).join(', ')}`)
  const result = await commands[command]()
  console.log(result === undefined ? '' : JSON.stringify(result))
  client.close()
  return result && result.error ? 1 : 0
}

if (require.main === module) {
  main(process.argv.slice(2)).then(
    (code) => { process.exitCode = code },
    (error) => { console.error(error.message); process.exit(1) },
  )
}

module.exports = { Client }
