"""How an app says what it is doing, and how it ended."""

import time

import streamlit as st

st.info("Nothing has happened yet.")
steps = st.number_input("Steps", min_value=0, max_value=50, value=10)

if st.button("Work"):
    if steps == 0:
        st.warning("No steps: there is nothing to do.")
        st.stop()  # the script ends here
    with st.spinner("Getting ready"):
        time.sleep(0.05)
    bar = st.progress(0.0, text="working")
    for step in range(steps):
        time.sleep(0.01)
        bar.progress((step + 1) / steps, text=f"step {step + 1} of {steps}")
    with st.status("Writing down") as status:
        st.write("nothing to write")
        status.update(label="Written", state="complete")
    st.success("Done.")
    st.toast("Done.")

if st.button("Fail"):
    st.error("That didn't work: a message for the user.")
    try:
        int("seven")
    except ValueError as problem:
        st.exception(problem)  # with a traceback: for yourself, not for users

if st.button("Party"):
    st.balloons()
    st.snow()
