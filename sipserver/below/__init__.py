"""Those who register with us: cameras, recorders and platforms below.

`below` is the door and joins the rest. A REGISTER goes to `reception`, which answers it as `registrar` judges
(`gatekeeper` for lists, `nonces` for challenges, `lockout` for guessers, `retries` for challenges nobody answers).
Everything else passes `gate`, which admits only what comes from where a neighbour is bound (`bindings`), and goes to
`inbox`. `attendance` knows who is there; `onboarding` asks newcomers who they are and what they have; `calls` are the
sessions we begin. Refusals reach the operator through `grievances`, and what must wait for a store or a neighbour is
one of the `errands`. `settings` has every number.
"""
