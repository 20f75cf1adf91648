"""Two ways to run less: a form waits for its button, a fragment runs alone."""

import streamlit as st

counts = st.session_state.setdefault("counts", {"script": 0, "fragment": 0})
counts["script"] += 1

with st.form("settings"):
    rate = st.number_input("Learning rate", 0.001, 1.0, 0.1, format="%.3f")
    epochs = st.slider("Epochs", 1, 50, 10)
    sent = st.form_submit_button("Train")
st.write(f"rate {rate}, epochs {epochs}, sent: {sent}")


@st.fragment
def magnifier() -> None:
    """A part that runs again by itself when something in it changes."""
    counts["fragment"] += 1
    zoom = st.slider("Zoom", 1, 8, 1)
    st.metric("zoom", f"{zoom} x")
    st.caption(f"script {counts['script']}, fragment {counts['fragment']}")


magnifier()
