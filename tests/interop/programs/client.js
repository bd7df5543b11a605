// What a user of @signalwire/node 2.6.0 writes, in four scenarios; run by ../test_official_clients.py.
//
// Usage: client.js SCENARIO HOST PROJECT TOKEN [TO_NUMBER]. Every fact that the test looks at is one JSON object on a
// line of stdout (lines of the client's own log lie between them). After each `step` the program waits for a line on
// stdin, so that the test can let time pass on the emulator's clock before the program goes on.
'use strict'

const readline = require('readline')
const { RelayClient, RelayConsumer } = require('@signalwire/node')

const FROM = '+15550100100'
const MUSIC = 'https://media.example/noise.wav'

const stdin = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const say = (step, facts = {}) => console.log(JSON.stringify({ step, ...facts }))
const step = async (name, facts) => {
  say(name, facts)
  await stdin.next()
}

// Returns a function that returns the next play event of the call, one after the other.
const playEvents = call => {
  const arrived = []
  const waiting = []
  call.on('play.stateChange', (_, params) => {
    waiting.length ? waiting.shift()(params.state) : arrived.push(params.state)
  })
  return () => arrived.length ? arrived.shift() : new Promise(resolve => waiting.push(resolve))
}

async function outbound(client, number) {
  const dialled = await client.calling.dial({ type: 'phone', from: FROM, to: number })
  const { call } = dialled
  say('dialled', { successful: dialled.successful, state: call.state, answered: call.answered })

  const heard = playEvents(call)
  const play = await call.playAudioAsync(MUSIC)
  await step('playing', { event: await heard(), state: play.state, completed: play.completed })
  const paused = await play.pause()
  await step('paused', { successful: paused.successful, event: await heard(), completed: play.completed })
  const resumed = await play.resume()
  await step('resumed', { successful: resumed.successful, event: await heard() })
  const louder = await play.volume(6)
  await step('louder', { successful: louder.successful })
  const stopped = await play.stop()
  await step('stopped', { successful: stopped.successful, event: await heard(), state: play.state })
  const gone = await call.hangup()
  say('hung up', { successful: gone.successful, reason: gone.reason, state: call.state, ended: call.ended })
}

async function rejected(client, number) {
  const call = client.calling.newCall({ type: 'phone', from: FROM, to: number })
  const ended = new Promise(resolve => call.on('ended', resolve))
  const dialled = await call.dial()
  await ended
  say('dialled', { successful: dialled.successful, state: call.state, busy: call.busy, failed: call.failed })
}

function connect(scenario, host, project, token, ...numbers) {
  const client = new RelayClient({ host, project, token })
  client.on('signalwire.error', async error => {
    say('refused', { code: error.code, message: error.message })
    await leave(client)
  })
  client.on('signalwire.ready', async () => {
    say('ready', { connected: client.connected })
    await scenario(client, ...numbers)
    await leave(client)
  })
  client.connect()
}

function inbound(host, project, token) {
  const consumer = new RelayConsumer({
    host,
    project,
    token,
    contexts: ['reception'],
    ready: () => say('ready'),
    onIncomingCall: async call => {
      say('incoming', { context: call.context, state: call.state, caller: call.from, called: call.to })
      const answered = await call.answer()
      say('answered', { successful: answered.successful, state: call.state })
      const played = await call.playAudio(MUSIC)
      await step('played', { successful: played.successful, event: played.event.name })
      const gone = await call.hangup()
      say('hung up', { successful: gone.successful, reason: gone.reason, state: call.state })
      await leave(consumer.client)
    },
  })
  consumer.run()
}

// The client keeps signal handlers and timers, so node would go on without an exit.
async function leave(client) {
  await client.disconnect()
  say('over')
  process.exit(0)
}

// An error in a handler is for the test to see, and not for the client to swallow.
process.on('unhandledRejection', error => {
  console.error(error)
  process.exit(1)
})

const [scenario, ...rest] = process.argv.slice(2)
if (scenario === 'outbound') connect(outbound, ...rest)
else if (scenario === 'rejected') connect(rejected, ...rest)
else if (scenario === 'refused') connect(() => {}, ...rest)
else if (scenario === 'inbound') inbound(...rest)
else process.exit(`unknown scenario ${scenario}`)
