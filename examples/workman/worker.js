'use strict'
// A worker: registers names, asks for jobs one by one, sends their results. Its whole protocol is here.
//
//   node worker.js [ws://localhost:9999/worker]
//
// A token, where the server wants one, goes into the address: ws://anybody:TOKEN@host:9999/worker

const WebSocket = require('ws')

const address = process.argv[2] || 'ws://localhost:9999/worker'
const LONGEST_PAUSE = 2000

const tasks = {
  work: (options) => ({ sum: options.a + options.b }),
  'JSON Logger': async (options) => {
    console.log(JSON.stringify(options))
    return null
  },
  slow: (options) => new Promise((resolve) => setTimeout(resolve, options.milliseconds, 'slept')),
}

// What could not be sent when its connection broke. The server knows a job by its nonce on any connection.
const unsent = []
let pause = 0

function connect () {
  const socket = new WebSocket(address)
  const say = (message) => socket.send(JSON.stringify(message))

  socket.on('open', () => {
    pause = 0
    while (unsent.length) say(unsent.shift())
    for (const name of Object.keys(tasks)) say({ action: 'RegisterTask', name })
    say({ action: 'GetTask' })
    console.log('connected')
  })

  socket.on('message', async (data) => {
    const text = data.toString()
    if (text === '') return // the answer to RegisterTask and SendResult
    const job = JSON.parse(text)
    if (!('nonce' in job)) return console.error('the server says:', text)
    const message = { action: 'SendResult', nonce: job.nonce, result: await perform(job) }
    if (socket.readyState !== WebSocket.OPEN) return unsent.push(message)
    say(message)
    say({ action: 'GetTask' })
  })

  socket.on('error', (error) => console.error('connection:', error.message))
  socket.on('close', () => {
    setTimeout(connect, pause)
    pause = Math.min(pause ? pause * 2 : 125, LONGEST_PAUSE)
  })
}

async function perform (job) {
  try {
    return await tasks[job.name](job.options)
  } catch (error) {
    return { error: String(error) }
  }
}

connect()
