"""What one change does: the whole script runs again, from top to bottom."""

import streamlit as st

lost = 0  # a name of the script begins anew in each run
st.session_state.setdefault("kept", 0)  # the session's own memory does not

lost += 1
st.session_state["kept"] += 1

st.button("Run again")
st.slider("This runs it too", 0, 10)
left, right = st.columns(2)
left.metric("a variable", lost)
right.metric("session state", st.session_state["kept"])
