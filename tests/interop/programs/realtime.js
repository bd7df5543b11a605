// What a user of @signalwire/realtime-api 4 writes, in some scenarios; run by the tests in the folder above.
//
// Usage: realtime.js SCENARIO HOST PROJECT TOKEN [ARGUMENTS]. Every fact that a test looks at is one JSON object on a
// line of stdout (lines of the client's own log lie between them). After each `step` the program waits for a line on
// stdin.
'use strict'

const { SignalWire, Voice } = require('@signalwire/realtime-api')
const { FROM, MUSIC, say, step, queue } = require('./steps')

const url = MUSIC
const dial = (client, to) => client.voice.dialPhone({ from: FROM, to, timeout: 30 })

// Returns a function that returns what is of interest in the next of some events, one after the other.
const events = (target, names, fact = action => action.state) => {
  const [next, add] = queue()
  target.listen(Object.fromEntries(names.map(name => [name, action => add(fact(action))])))
  return next
}
const about = what => ['Started', 'Updated', 'Failed', 'Ended'].map(name => `on${what}${name}`)

// Returns the code with which Relay refuses.
const refusal = promise => promise.then(() => null, error => Number(error.code))

async function outbound(client, number) {
  const call = await dial(client, number)
  say('dialled', { state: call.state ?? null })
  const heard = events(call, about('Playback'))
  const play = await call.playAudio({ url }).onStarted()
  await step('playing', { event: await heard(), completed: play.hasEnded })
  await play.pause()
  await step('paused', { event: await heard(), completed: play.hasEnded })
  await play.resume()
  await step('resumed', { event: await heard(), completed: play.hasEnded })
  await play.setVolume(6)
  await step('louder')
  await play.stop()
  const result = await play.ended()
  await step('stopped', { event: await heard(), completed: play.hasEnded, result: result.state })
  await call.hangup()
  await step('hung up', { state: call.state })
}

async function rejected(client, number) {
  await dial(client, number).catch(error => say('rejected', { told: error.dialState === 'failed' }))
}

async function inbound(client) {
  const [next, add] = queue()
  await client.voice.listen({ topics: ['reception'], onCallReceived: add })
  const leave = await client.voice.listen({ topics: ['kitchen'], onCallReceived: add })
  await leave()
  say('receiving')
  const call = await next()
  say('incoming', { state: call.state, caller: call.from, context: call.context })
  await call.answer()
  say('answered', { state: call.state })
  const play = await call.playAudio({ url })
  await step('played', { result: play.state })
  await call.hangup()
  say('hung up', { state: call.state })
}

const answer = action => ({ type: action.type, result: action.digits ?? action.text ?? null })

async function prompts(client, number) {
  const call = await dial(client, number)
  const digits = { initialTimeout: 6, digits: { max: 4, terminators: '#', digitTimeout: 2 } }
  const voice = { text: 'Please dial.', language: 'en-GB', gender: 'male' }
  let prompt = await call.promptTTS({ ...voice, ...digits }).onStarted()
  say('asked')
  await step('digits', answer(await prompt.ended()))
  const speech = { endSilenceTimeout: 0.5, speechTimeout: 20, language: 'en-US', hints: ['yes'] }
  prompt = await call.promptAudio({ url, volume: -6, speech }).onStarted()
  say('asked')
  await step('speech', answer(await prompt.ended()))
  prompt = await call.promptAudio({ url, initialTimeout: 3, digits: { max: 1 } }).onStarted()
  await step('prompting', { completed: prompt.hasEnded })
  await prompt.setVolume(-6)
  await prompt.stop()
  say('stopped', answer(await prompt.ended()))
}

async function collects(client, number) {
  const call = await dial(client, number)
  let collect = await call.collect({ digits: { max: 3, terminators: '#' }, initialTimeout: 5 }).onStarted()
  say('asked')
  await step('digits', answer(await collect.ended()))
  collect = await call.collect({ speech: { endSilenceTimeout: 0.5 }, initialTimeout: 5 }).onStarted()
  say('asked')
  await step('speech', answer(await collect.ended()))
  collect = await call.collect({ digits: { max: 1 }, initialTimeout: 2, startInputTimers: false }).onStarted()
  await step('waiting', { completed: collect.hasEnded })
  await collect.startInputTimers()
  await step('nothing', answer(await collect.ended()))
  collect = await call.collect({ digits: { max: 1 } }).onStarted()
  await collect.stop()
  say('stopped', answer(await collect.ended()))
}

const recorded = ({ url, duration, size }) => ({ url, duration, size })

async function recordings(client, number) {
  const call = await dial(client, number)
  const heard = events(call, about('Recording'))
  const options = { beep: true, format: 'wav', direction: 'speak', initialTimeout: 5, endSilenceTimeout: 2 }
  let record = await call.recordAudio({ ...options, terminators: '#' }).onStarted()
  const result = await record.ended()
  await step('recorded', { told: [await heard(), await heard()], ...recorded(result) })
  record = await call.recordAudio({ initialTimeout: 0, endSilenceTimeout: 0, format: 'wav' }).onStarted()
  await step('recording', { told: await heard() })
  await record.pause({ behavior: 'silence' })
  await step('paused', { told: await heard(), completed: record.hasEnded })
  await record.resume()
  await step('resumed', { told: await heard() })
  await record.stop()
  await step('stopped', { told: await heard(), ...recorded(await record.ended()) })
  record = await call.recordAudio({ initialTimeout: 2 }).onStarted()
  await step('nothing', { result: (await record.ended()).state })
}

async function detections(client, machine, fax, person) {
  let call = await dial(client, machine)
  const told = events(call, ['onDetectUpdated'], action => action.detect.params.event)
  const detect = await call.amd({ initialTimeout: 4.5, endSilenceTimeout: 1.0, timeout: 60 }).onStarted()
  say('asked')
  const all = [await told(), await told(), await told()]
  await step('machine', { result: detect.result, told: all })
  await detect.stop()
  say('stopped', { told: (await detect.ended()).detect.params.event })
  await call.hangup()
  call = await dial(client, fax)
  const tone = events(call, ['onDetectUpdated'], action => action.result)
  await call.detectFax({ tone: 'CED', timeout: 10 }).onStarted()
  say('asked')
  await step('fax', { result: await tone() })
  await call.hangup()
  call = await dial(client, person)
  const digit = events(call, ['onDetectUpdated'], action => action.result)
  await call.detectDigit({ digits: '5', timeout: 10 }).onStarted()
  say('asked')
  await step('digit', { result: await digit() })
}

async function bridges(client, number, busy, other) {
  const call = await dial(client, number)
  await call.connectPhone({ from: FROM, to: busy }).catch(error => say('nobody', { told: error.failedReason }))
  const devices = new Voice.DeviceBuilder()
    .add(Voice.DeviceBuilder.Phone({ from: FROM, to: busy }))
    .add(Voice.DeviceBuilder.Phone({ from: FROM, to: other, timeout: 20 }))
  const ringback = new Voice.Playlist().add(Voice.Playlist.Audio({ url }))
  const connecting = call.connect({ devices, ringback })
  const peer = await connecting
  await step('connected', { told: call.connectState, peer: peer === call.peer })
  await call.disconnect()
  await step('parted', { told: call.connectState, state: call.state ?? null })
}

async function digits(client, number) {
  const call = await dial(client, number)
  await call.sendDigits('12#')
  await step('sent', { told: 'finished' })
}

async function messages(client, good, bad) {
  const [next, add] = queue()
  const [changed, change] = queue()
  const listeners = { onMessageReceived: add, onMessageUpdated: change }
  await client.messaging.listen({ topics: ['office'], ...listeners })
  for (const to of [good, bad]) {
    const sent = await client.messaging.send({ from: FROM, to, body: 'Hello', tags: ['vip'], context: 'office' })
    say('sent', { own: false })
    let last = await changed()
    while (!['delivered', 'undelivered', 'failed'].includes(last.state)) last = await changed()
    if (last.id !== sent.messageId) throw new Error('news of another message')
    say('ended', { state: last.state, reason: last.reason ?? null })
  }
  say('waiting')
  const message = await next()
  const { body, from, context, state } = message
  say('incoming', { body, sender: from, context, state })
}

async function refusals(client, number) {
  const call = await dial(client, number)
  const commands = {
    play: () => call.playAudio({ url }),
    record: () => call.recordAudio(),
    detect: () => call.detectFax(),
    connect: () => call.connectPhone({ from: FROM, to: '+15550100999' }),
    end: () => call.hangup(),
  }
  const refused = {}
  for (const [name, command] of Object.entries(commands)) refused[name] = await refusal(command())
  say('refused', refused)
}

// The connection is lost under a playback; the client comes back by itself.
async function survives(client) {
  const [next, add] = queue()
  await client.voice.listen({ topics: ['reception'], onCallReceived: add })
  const call = await next()
  await call.answer()
  const heard = events(call, about('Playback'))
  const play = await call.playAudio({ url }).onStarted()
  const back = new Promise(resolve => client.listen({ onConnected: resolve }))
  await step('playing', { told: await heard() })
  await back
  await play.pause()
  await step('paused', { told: await heard() })
}

const scenarios = {
  outbound, rejected, inbound, prompts, collects, recordings, detections, bridges, digits, messages, refusals, survives,
}

// The client keeps timers, so node would go on without an exit.
const leave = () => {
  say('over')
  process.exit(0)
}

async function main(scenario, host, project, token, ...rest) {
  const options = { host, project, token }
  if (scenario === 'refused') {
    // SignalWire() resolves in either case: one has to listen.
    const onAuthError = error => {
      say('refused', { code: error.code, message: error.message })
      leave()
    }
    await SignalWire({ ...options, listen: { onAuthError } })
    return
  }
  const client = await SignalWire(options)
  say('ready')
  await scenarios[scenario](client, ...rest)
  await client.disconnect()
  leave()
}

// An error is for the test to see, and not for the client to swallow.
process.on('unhandledRejection', error => {
  console.error(error)
  process.exit(1)
})

main(...process.argv.slice(2)).catch(error => {
  console.error(error)
  process.exit(1)
})
