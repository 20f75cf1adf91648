"""A list that grows: session state, and callbacks that change it."""

import streamlit as st

runs: list[str] = st.session_state.setdefault("runs", [])


def add() -> None:
    """Take the name in, and empty its field for the next."""
    name = st.session_state["name"].strip()
    if not name:
        st.session_state["said"] = "A run needs a name."
    elif name in st.session_state["runs"]:
        st.session_state["said"] = f"There is a run {name} already."
    else:
        st.session_state["runs"].append(name)
        st.session_state["said"] = ""
        st.session_state["name"] = ""  # allowed here, before the field is drawn


def remove(name: str) -> None:
    """Take a name out."""
    st.session_state["runs"].remove(name)


st.text_input("Name of a run", key="name", max_chars=30)
st.button("Add", on_click=add)
if st.session_state.get("said"):
    st.warning(st.session_state["said"])
for name in runs:
    st.button(f"Remove {name}", key=f"remove {name}", on_click=remove, args=(name,))
st.metric("runs", len(runs))
