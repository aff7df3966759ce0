-- A store as schema version 1 left it: one session with an ended turn, one in mid-reply.
CREATE TABLE sessions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  owner TEXT NOT NULL,
  epoch TEXT NOT NULL,
  last_seq INTEGER NOT NULL,
  identity TEXT NOT NULL,
  state TEXT NOT NULL,
  metadata TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_of_tenant ON sessions (tenant);
CREATE INDEX sessions_of_owner ON sessions (tenant, owner);
CREATE TABLE create_keys (
  key TEXT PRIMARY KEY,
  session INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX create_keys_of_session ON create_keys (session);
CREATE TABLE tombstones (
  key TEXT NOT NULL,
  epoch TEXT NOT NULL,
  removed_at INTEGER NOT NULL,
  PRIMARY KEY (key, epoch)
) STRICT, WITHOUT ROWID;
CREATE TABLE turns (
  session INTEGER NOT NULL,
  n INTEGER NOT NULL,
  turn_id TEXT NOT NULL,
  input_key TEXT,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  ended_at INTEGER,
  is_compacted INTEGER NOT NULL DEFAULT 0,
  input TEXT NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY (session, n)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX turns_by_id ON turns (session, turn_id);
CREATE UNIQUE INDEX turns_by_input ON turns (session, input_key) WHERE input_key IS NOT NULL;
CREATE UNIQUE INDEX turns_live ON turns (session) WHERE ended_at IS NULL;
CREATE INDEX turns_to_compact ON turns (ended_at) WHERE ended_at IS NOT NULL AND is_compacted = 0;
CREATE TABLE log (
  session INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  event TEXT NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (session, last_seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_notices ON log (session, event, last_seq) WHERE event IN ('disclosure', 'safety:resources');
CREATE TABLE journal (
  id INTEGER PRIMARY KEY,
  session INTEGER NOT NULL,
  data TEXT NOT NULL
) STRICT;
CREATE TABLE pulse (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL) STRICT;
INSERT INTO sessions (id, key, tenant, owner, epoch, last_seq, identity, state, metadata) VALUES (1, 'jTf01ieZly8U_0uBZbv1jsadwBrnvh8vTZpUoRiJMQ4', 'tenant', 'tfw--riBkPlU9p7dUU6NK0eZ1qzPgl1ucz5-Dba8m3Q', 'epoch-1', 5, '1{"tenant":"tenant","sessionId":"said","epoch":"epoch-1","owner":"owner","clientId":null,"locale":null,"country":null,"ageBand":null,"createdAt":1735689600000}', '1{"status":"active","lastInteractionAt":1735689600000,"turnCount":1,"progress":{"current_substate":"1.1_goal_and_vision","body_question_count":0,"completion_criteria":{"goal_established":false,"vision_created":false,"problem_identified":false,"body_awareness_present":false,"body_location_identified":false,"body_sensation_identified":false,"present_moment_focus":false,"pattern_understood":false,"rapport_established":false,"alpha_state_achieved":false,"ready_for_stage_2":false}},"safety":{"level":"passive","mode":"support"},"lastTurn":1,"version":4}', '1{}');
INSERT INTO sessions (id, key, tenant, owner, epoch, last_seq, identity, state, metadata) VALUES (2, 'YO84QQFR-HPXajejO5fwnSgURE2wuMaOV-D0cyuVPks', 'tenant', 'tfw--riBkPlU9p7dUU6NK0eZ1qzPgl1ucz5-Dba8m3Q', 'epoch-1', 1, '1{"tenant":"tenant","sessionId":"live","epoch":"epoch-1","owner":"owner","clientId":"client","locale":null,"country":null,"ageBand":null,"createdAt":1735689600000}', '1{"status":"active","lastInteractionAt":1735689600000,"turnCount":0,"progress":{"current_substate":"1.1_goal_and_vision","body_question_count":0,"completion_criteria":{"goal_established":false,"vision_created":false,"problem_identified":false,"body_awareness_present":false,"body_location_identified":false,"body_sensation_identified":false,"present_moment_focus":false,"pattern_understood":false,"rapport_established":false,"alpha_state_achieved":false,"ready_for_stage_2":false}},"safety":{"level":"none","mode":"normal"},"lastTurn":1,"version":2}', '1{"note":"kept \u0000 “as it is”"}');
INSERT INTO turns (session, n, turn_id, input_key, first_seq, last_seq, ended_at, is_compacted, input, state) VALUES (1, 1, 'turn-1', NULL, 1, 4, 1735689600000, 0, '1{"turnId":"turn-1","n":1,"inputId":null,"userInput":"hello","plan":{"preprocessing":{"original_input":"hello","cleaned_input":"hello","corrected_input":"hello","emotional_state":{"categories":{},"intensity":0,"primary_emotion":"neutral"},"input_category":"general","spelling_corrections":[],"safety_checks":{"self_harm_detected":{"detected":false,"phrases_found":[],"severity":"none"},"thinking_mode_detected":{"detected":false,"phrases_found":[]},"past_tense_detected":{"detected":false,"phrases_found":[]},"i_dont_know_detected":{"detected":false,"phrases_found":[],"context":"","note":""}}},"navigation":{"decision":"unknown","next_state":"1.1_goal_and_vision","rag_query":null,"reasoning":null},"progress":{"current_substate":"1.1_goal_and_vision","body_question_count":0,"completion_criteria":{"goal_established":false,"vision_created":false,"problem_identified":false,"body_awareness_present":false,"body_location_identified":false,"body_sensation_identified":false,"present_moment_focus":false,"pattern_understood":false,"rapport_established":false,"alpha_state_achieved":false,"ready_for_stage_2":false}},"line":"What would you like to get out of this?","safety":null},"firstSeq":1,"startedAt":1735689600000}', '1{"state":"done","generation":1,"lastSeq":4,"length":11,"endedAt":1735689600000,"phase":"queued","phaseAt":1735689600000,"position":null,"source":null,"model":null,"beganAt":null,"firstTextAt":1735689600000,"attempts":0,"idleAttempts":0}');
INSERT INTO turns (session, n, turn_id, input_key, first_seq, last_seq, ended_at, is_compacted, input, state) VALUES (2, 1, 'turn-2', NULL, 1, 3, NULL, 0, '1{"turnId":"turn-2","n":1,"inputId":null,"userInput":"hello","plan":{"preprocessing":{"original_input":"hello","cleaned_input":"hello","corrected_input":"hello","emotional_state":{"categories":{},"intensity":0,"primary_emotion":"neutral"},"input_category":"general","spelling_corrections":[],"safety_checks":{"self_harm_detected":{"detected":false,"phrases_found":[],"severity":"none"},"thinking_mode_detected":{"detected":false,"phrases_found":[]},"past_tense_detected":{"detected":false,"phrases_found":[]},"i_dont_know_detected":{"detected":false,"phrases_found":[],"context":"","note":""}}},"navigation":{"decision":"unknown","next_state":"1.1_goal_and_vision","rag_query":null,"reasoning":null},"progress":{"current_substate":"1.1_goal_and_vision","body_question_count":0,"completion_criteria":{"goal_established":false,"vision_created":false,"problem_identified":false,"body_awareness_present":false,"body_location_identified":false,"body_sensation_identified":false,"present_moment_focus":false,"pattern_understood":false,"rapport_established":false,"alpha_state_achieved":false,"ready_for_stage_2":false}},"line":"What would you like to get out of this?","safety":null},"firstSeq":1,"startedAt":1735689600000}', '1{"state":"queued","generation":1,"lastSeq":3,"length":6,"endedAt":null,"phase":"queued","phaseAt":1735689600000,"position":null,"source":null,"model":null,"beganAt":null,"firstTextAt":1735689600000,"attempts":0,"idleAttempts":0}');
INSERT INTO log (session, last_seq, event, data) VALUES (1, 1, 'turn:started', '1{"event":"turn:started","data":{"turn_id":"turn-1","n":1,"user_input":"hello","preprocessing":{"original_input":"hello","cleaned_input":"hello","corrected_input":"hello","emotional_state":{"categories":{},"intensity":0,"primary_emotion":"neutral"},"input_category":"general","spelling_corrections":[],"safety_checks":{"self_harm_detected":{"detected":false,"phrases_found":[],"severity":"none"},"thinking_mode_detected":{"detected":false,"phrases_found":[]},"past_tense_detected":{"detected":false,"phrases_found":[]},"i_dont_know_detected":{"detected":false,"phrases_found":[],"context":"","note":""}}},"navigation":{"decision":"unknown","next_state":"1.1_goal_and_vision","rag_query":null,"reasoning":null}},"seq":1}');
INSERT INTO log (session, last_seq, event, data) VALUES (1, 3, 'words', '1[{"seq":2,"event":"therapist:token","data":{"turn_id":"turn-1","at":0,"text":"It is "}},{"seq":3,"event":"therapist:token","data":{"turn_id":"turn-1","at":6,"text":"said."}}]');
INSERT INTO log (session, last_seq, event, data) VALUES (1, 4, 'therapist:done', '1{"event":"therapist:done","data":{"turn_id":"turn-1","n":1,"therapist_response":"It is said.","preprocessing":{"original_input":"hello","cleaned_input":"hello","corrected_input":"hello","emotional_state":{"categories":{},"intensity":0,"primary_emotion":"neutral"},"input_category":"general","spelling_corrections":[],"safety_checks":{"self_harm_detected":{"detected":false,"phrases_found":[],"severity":"none"},"thinking_mode_detected":{"detected":false,"phrases_found":[]},"past_tense_detected":{"detected":false,"phrases_found":[]},"i_dont_know_detected":{"detected":false,"phrases_found":[],"context":"","note":""}}},"navigation":{"decision":"unknown","next_state":"1.1_goal_and_vision","rag_query":null,"reasoning":null},"session_progress":{"current_substate":"1.1_goal_and_vision","body_question_count":0,"completion_criteria":{"goal_established":false,"vision_created":false,"problem_identified":false,"body_awareness_present":false,"body_location_identified":false,"body_sensation_identified":false,"present_moment_focus":false,"pattern_understood":false,"rapport_established":false,"alpha_state_achieved":false,"ready_for_stage_2":false}},"source":"guide","model":"guide","timings":{"queued_ms":0,"first_token_ms":0,"total_ms":0},"timestamp":"2025-01-01T00:00:00.000Z"},"seq":4}');
INSERT INTO log (session, last_seq, event, data) VALUES (1, 5, 'session:updated', '1{"event":"session:updated","data":{"epoch":"epoch-1","client_id":null,"metadata":{},"locale":null,"country":null,"age_band":null,"status":"active","created_at":"2025-01-01T00:00:00.000Z","last_interaction":"2025-01-01T00:00:00.000Z","turn_count":1,"current_substate":"1.1_goal_and_vision","body_question_count":0,"completion_criteria":{"goal_established":false,"vision_created":false,"problem_identified":false,"body_awareness_present":false,"body_location_identified":false,"body_sensation_identified":false,"present_moment_focus":false,"pattern_understood":false,"rapport_established":false,"alpha_state_achieved":false,"ready_for_stage_2":false},"safety":{"level":"passive","mode":"support"},"cursor":"epoch-1.4"},"seq":5}');
INSERT INTO log (session, last_seq, event, data) VALUES (2, 1, 'turn:started', '1{"event":"turn:started","data":{"turn_id":"turn-2","n":1,"user_input":"hello","preprocessing":{"original_input":"hello","cleaned_input":"hello","corrected_input":"hello","emotional_state":{"categories":{},"intensity":0,"primary_emotion":"neutral"},"input_category":"general","spelling_corrections":[],"safety_checks":{"self_harm_detected":{"detected":false,"phrases_found":[],"severity":"none"},"thinking_mode_detected":{"detected":false,"phrases_found":[]},"past_tense_detected":{"detected":false,"phrases_found":[]},"i_dont_know_detected":{"detected":false,"phrases_found":[],"context":"","note":""}}},"navigation":{"decision":"unknown","next_state":"1.1_goal_and_vision","rag_query":null,"reasoning":null}},"seq":1}');
INSERT INTO journal (id, session, data) VALUES (1, 2, '1[{"seq":2,"event":"therapist:token","data":{"turn_id":"turn-2","at":0,"text":"so "}},{"seq":3,"event":"therapist:token","data":{"turn_id":"turn-2","at":3,"text":"far"}}]');
PRAGMA user_version = 1;
